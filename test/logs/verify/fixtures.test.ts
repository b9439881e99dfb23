import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseS3Location } from "../../../src/logs/s3/location.ts";
import { s3Reader } from "../../../src/logs/s3/reader.ts";
import { parseTrust } from "../../../src/logs/verify/trust.ts";
import type { Verification } from "../../../src/logs/verify/verification.ts";
import { readCertificates } from "../../../src/pki/verify/pem.ts";
import { type MemoryBucket, memoryBucket } from "../s3/memory-bucket.ts";
import type { StoreFiles } from "../store-model.ts";
import { ANCHOR } from "./fixture-cases.ts";
import type { Bucket } from "./fixture-outside.ts";
import { AUTHORITY, type Fixture, FIXTURES, readFixtures, readIntact, writeFixtures } from "./fixtures.ts";
import { verifyInPartsToo } from "./merging.ts";
import { bytesAt } from "./tamper.ts";
import { anchorIn, type Asked, NOW, places, verifyFiles } from "./verifying.ts";

// FLEETSEC_FIXTURES=1 writes the stored stores anew, as fixture-cases.ts has them
if (process.env["FLEETSEC_FIXTURES"] === "1") await writeFixtures();

/** A bucket with these versions. */
function bucketWith({ versions }: Bucket, files: StoreFiles): MemoryBucket {
  const bucket = memoryBucket();
  for (const { path, versionId, lastModified, body, lock } of versions) {
    const held = body === null ? undefined : bytesAt(files, body);
    bucket.held.push({ key: `log/${path}`, versionId, lastModified, body: held, lock: lock ?? undefined });
  }
  return bucket;
}

/** Verifies a stored case; one in a bucket there, and one of files in parts too. */
async function verifyFixture({ store, bucket }: Fixture, asked: Asked): Promise<Verification> {
  if (bucket === undefined) return verifyInPartsToo(store, asked);
  const location = parseS3Location("s3://bucket/log", "the store");
  const reader = s3Reader(location, bucketWith(bucket, store), bucket.locked ?? undefined);
  return verifyFiles(new Map(), { ...asked, store: reader });
}

describe("the stored stores", () => {
  const fixtures = readFixtures();
  const intact = readIntact();
  const anchors = [
    { ...anchorIn(new Map([[ANCHOR, readFileSync(join(FIXTURES, ANCHOR))]]), ANCHOR), source: ANCHOR },
  ];

  const authorities = readCertificates(readFileSync(join(FIXTURES, AUTHORITY)), AUTHORITY);

  test("the control: the one that nobody touched is intact", async () => {
    const trust = parseTrust(readFileSync(join(FIXTURES, "trust")), "trust");
    const result = await verifyInPartsToo(intact, { trust, anchors });
    expect(result).toMatchObject({ verdict: "intact", ok: true, findings: [] });
  });

  test("there is one for every row of the catalogue", () => {
    const rows = Array.from({ length: 39 }, (_, i) => i + 1);
    const tampered = fixtures.filter(({ expected }) => expected.length > 0);
    expect([...new Set(tampered.map(({ row }) => row))].sort((a, b) => a - b)).toEqual(rows);
  });

  test("a time-stamp that holds anchors its log", async () => {
    const stamped = fixtures.find(({ name }) => name === "35-control-stamped") as Fixture;
    const { anchors: used } = await verifyFixture(stamped, { timestampAuthorities: authorities });
    expect(used).toMatchObject([
      { kind: "time-stamp", size: 4, source: "CN=tsa at 2025-11-23T12:10:00.000Z" },
    ]);
  });

  test("a time-stamp of the future anchors nothing, with the tolerance of cosignatures", async () => {
    const stamped = fixtures.find(({ name }) => name === "35-control-stamped") as Fixture;
    const time = Date.UTC(2025, 10, 23, 12, 10) / 1000;
    const at = async (now: number) => verifyFixture(stamped, { timestampAuthorities: authorities, now });
    expect(await at(time - 300)).toMatchObject({ verdict: "intact", anchors: [{ kind: "time-stamp" }] });
    expect(await at(time - 301)).toMatchObject({
      verdict: "altered",
      anchors: [],
      findings: [{ code: "TIME_ANOMALY", path: "fleetsec/tsr/4.tsr" }],
    });
  });

  test.each(fixtures)("$name: every finding, and its place", async (fixture) => {
    const { trust, now, maxAge, expected } = fixture;
    expect(now).toBe(NOW);
    const { findings, ok } = await verifyFixture(fixture, {
      trust: parseTrust(trust, "trust"),
      anchors,
      timestampAuthorities: authorities,
      maxAge: maxAge ?? undefined,
    });
    expect(ok).toBe(expected.length === 0);
    expect(places(findings)).toEqual(expected);
  });
});
