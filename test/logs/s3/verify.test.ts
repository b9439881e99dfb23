import { beforeAll, describe, expect, test } from "vitest";
import { FleetsecError } from "../../../src/errors.ts";
import { batchPath, checkpointPath, hashesPath } from "../../../src/logs/layout.ts";
import type { S3Bucket } from "../../../src/logs/s3/client.ts";
import { parseS3Location } from "../../../src/logs/s3/location.ts";
import { s3Reader } from "../../../src/logs/s3/reader.ts";
import type { Finding } from "../../../src/logs/verify/finding.ts";
import { modelStore, type StoreFiles } from "../store-model.ts";
import {
  change,
  editLines,
  flip,
  offsetOf,
  swapFiles,
  withFile,
  without,
  withoutBelow,
} from "../verify/tamper.ts";
import { merge, partOf, rangesAt } from "../verify/merging.ts";
import { anchorIn, batchesOf, places, verifyFiles } from "../verify/verifying.ts";
import { type MemoryBucket, memoryBucket } from "./memory-bucket.ts";

/** 6 batches of 20 records; 259 of one. */
let store: StoreFiles;
let tall: StoreFiles;
beforeAll(async () => {
  store = await modelStore(batchesOf(6, 20));
  tall = await modelStore(batchesOf(259, 1));
});

const DAY = 86_400;
const BATCH = batchPath(3);

function bucketOf(files: StoreFiles, pageSize?: number): MemoryBucket {
  return memoryBucket(new Map([...files].map(([path, data]) => [`log/${path}`, data])), pageSize);
}

/** Verifies the store of a bucket, held to the checkpoint of the untouched one. */
async function verifyIn(bucket: S3Bucket, original = store, locked?: number, name = "s3://bucket/log") {
  const reader = s3Reader(parseS3Location(name, "the store"), bucket, locked);
  return verifyFiles(new Map(), { store: reader, anchors: [anchorIn(original)] });
}

const codesOf = (findings: readonly Finding[]) => findings.map(({ code, path }) => `${code} ${path}`);

describe("the verdict over a bucket is that over a directory with the same bytes", () => {
  const cases: [string, () => StoreFiles][] = [
    ["nothing is touched", () => store],
    ["a byte of a record", () => flip(store, BATCH, offsetOf(store, BATCH, 7) + 5)],
    ["a record removed", () => editLines(store, BATCH, (lines) => lines.toSpliced(4, 1))],
    ["a record added", () => editLines(store, BATCH, (lines) => lines.toSpliced(4, 0, "{}"))],
    ["records swapped", () => editLines(store, BATCH, ([a = "", b = "", ...rest]) => [b, a, ...rest])],
    ["trailing bytes", () => change(store, BATCH, (bytes) => Buffer.concat([bytes, Buffer.from("x")]))],
    ["a batch cut short", () => change(store, BATCH, (bytes) => bytes.subarray(0, 700))],
    ["a batch missing", () => without(store, BATCH)],
    ["batches swapped", () => swapFiles(store, BATCH, batchPath(4))],
    ["a batch beyond the tree", () => withFile(store, batchPath(6), Buffer.from("{}\n"))],
    ["a sidecar edited", () => flip(store, hashesPath(3), 70)],
    ["a leaf edited", () => flip(store, "tile/entries/000.p/6", 700)],
    ["a tile edited", () => flip(store, "tile/0/000.p/6", 70)],
    ["no tiles", () => withoutBelow(store, "tile/0")],
    ["the root edited", () => flip(store, "checkpoint", 40)],
    ["an old checkpoint", () => withFile(store, "checkpoint", store.get(checkpointPath(4)) ?? Buffer.of())],
    ["a checkpoint missing", () => without(store, checkpointPath(2))],
    ["a stray file", () => withFile(store, "fleetsec/notes.txt", Buffer.from("hello"))],
    ["an empty batch file", () => withFile(store, BATCH, Buffer.alloc(0))],
    ["nothing left", () => new Map<string, Buffer>()],
    ["nothing of it", () => new Map([["readme.txt", Buffer.from("hello")]])],
  ];
  test.each(cases)("%s", async (_what, tampered) => {
    const files = tampered();
    const [bucket, directory] = [
      await verifyIn(bucketOf(files, 7)),
      await verifyFiles(files, { anchors: [anchorIn(store)] }),
    ];
    expect(places(bucket.findings)).toEqual(places(directory.findings));
    expect(bucket).toEqual(directory);
    expect(bucket.ok).toBe(files === store);
  });

  test.each(cases)("and so it is in parts, each from the bucket: %s", async (_what, tampered) => {
    const files = tampered();
    const anchors = [anchorIn(store)];
    const parts = [];
    for (const part of rangesAt([3])) {
      const reader = s3Reader(parseS3Location("s3://bucket/log", "the store"), bucketOf(files, 7), undefined);
      parts.push(await partOf(new Map(), part, { store: reader, anchors }));
    }
    const { read, ...merged } = await merge(parts, { anchors });
    expect(read).toBeDefined();
    expect(merged).toEqual(await verifyFiles(files, { anchors }));
  });

  test("a full tile and its partial forms, which a bucket keeps", async () => {
    const kept = await modelStore(batchesOf(200, 1));
    const all = new Map([...kept, ...tall]);
    const partial = [...kept.keys()].filter((path) => /^tile\/(0|entries)\/000\.p\//.test(path));
    for (const path of partial) all.set(path, kept.get(path) ?? Buffer.of());
    expect(await verifyIn(bucketOf(all), tall)).toMatchObject({ verdict: "intact", findings: [] });
    const conflict = flip(all, "tile/0/000.p/100", 3);
    expect(codesOf((await verifyIn(bucketOf(conflict), tall)).findings)).toEqual([
      "TILE_CONFLICT tile/0/000.p/100",
    ]);
  });

  test("of batches that are larger than what is asked for at once", async () => {
    const line = `${JSON.stringify({ request_id: "x".repeat(900) })}\n`;
    const data = Buffer.from(line.repeat(12_000));
    const large = await modelStore([{ data, from: 1_763_850_000, to: 1_763_850_000 }]);
    const intact = await verifyIn(bucketOf(large), large);
    expect(intact).toMatchObject({ verdict: "intact", checked: { records: 12_000, bytes: data.length } });
    const at = line.length * 11_000 + 40;
    const altered = flip(large, batchPath(0), at);
    expect(places((await verifyIn(bucketOf(altered), large)).findings)).toEqual([
      { code: "RECORD_ALTERED", seq: 0, line: 11_001, offset: line.length * 11_000, path: batchPath(0) },
    ]);
  });
});

describe("36: OBJECT_SHADOWED", () => {
  const paths = [BATCH, hashesPath(3), "tile/0/000.p/6", "tile/entries/000.p/6", checkpointPath(6)];

  test.each(paths)("a version over %s: the one below is verified", async (path) => {
    for (const pageSize of [1, 3, 1000]) {
      const bucket = bucketOf(store, pageSize);
      bucket.overwrite(`log/${path}`, Buffer.from("forged"));
      const { verdict, findings, checked } = await verifyIn(bucket);
      expect({ verdict, codes: codesOf(findings) }).toEqual({
        verdict: "altered",
        codes: [`OBJECT_SHADOWED ${path}`],
      });
      expect(checked).toMatchObject({ batches: 6, records: 120 });
    }
  });

  test.each([...paths, "checkpoint"])("a delete marker over %s", async (path) => {
    const bucket = bucketOf(store);
    bucket.overwrite(`log/${path}`, undefined);
    const { findings, checked } = await verifyIn(bucket);
    expect(codesOf(findings)).toEqual([`OBJECT_SHADOWED ${path}`]);
    expect(checked.batches).toBe(6);
  });

  test("a marker with nothing below it is found, and so is what is missing", async () => {
    const bucket = bucketOf(without(store, BATCH));
    bucket.overwrite(`log/${BATCH}`, undefined);
    expect(codesOf((await verifyIn(bucket)).findings).sort()).toEqual([
      `BATCH_MISSING ${BATCH}`,
      `OBJECT_SHADOWED ${BATCH}`,
    ]);
  });

  test("everything under markers is not nothing", async () => {
    const bucket = bucketOf(store);
    for (const path of store.keys()) bucket.overwrite(`log/${path}`, undefined);
    const { findings, checked } = await verifyIn(bucket);
    expect(findings).toHaveLength(store.size);
    expect(new Set(findings.map(({ code }) => code))).toEqual(new Set(["OBJECT_SHADOWED"]));
    expect(checked.batches).toBe(6);
  });

  test("not in the checkpoint, which has a version for each batch; the newest counts there", async () => {
    const bucket = bucketOf(store);
    for (const size of [1, 2]) bucket.overwrite("log/checkpoint", store.get(checkpointPath(size)));
    expect(codesOf((await verifyIn(bucket)).findings)).toEqual(["ROLLBACK checkpoint"]);
    bucket.overwrite("log/checkpoint", store.get("checkpoint"));
    expect(await verifyIn(bucket)).toMatchObject({ verdict: "intact", findings: [] });
  });
});

describe("37: LOCK_WEAK", () => {
  const lockedBucket = (days: number, mode = "COMPLIANCE") => {
    const bucket = memoryBucket();
    for (const [path, data] of store) {
      const until = Date.UTC(2026, 0, 1) + (days * DAY + 3600) * 1000;
      bucket.overwrite(`log/${path}`, data, path === "checkpoint" ? undefined : { mode, until });
    }
    return bucket;
  };

  test("the control: all that is never replaced is locked for long enough", async () => {
    expect(await verifyIn(lockedBucket(30), store, 30 * DAY)).toMatchObject({ verdict: "intact" });
    expect(await verifyIn(lockedBucket(365), store, 365 * DAY)).toMatchObject({ verdict: "intact" });
  });

  test.each([
    ["not for long enough", () => lockedBucket(29), "was locked for less than 30 days"],
    ["in another mode", () => lockedBucket(365, "GOVERNANCE"), "which some may override"],
    ["not at all", () => bucketOf(store), "is not locked"],
  ])("%s", async (_what, bucket, detail) => {
    const { verdict, findings, counts } = await verifyIn(bucket(), store, 30 * DAY);
    expect(verdict).toBe("altered");
    expect(counts).toEqual({ LOCK_WEAK: 21 });
    expect(findings.filter((one) => one.detail.includes(detail))).toHaveLength(20);
    expect(findings.at(0)?.detail).toBe(`${store.size - 1 - 20} more objects are locked no better`);
    // and nobody asks where no lock is demanded
    expect(await verifyIn(bucket())).toMatchObject({ verdict: "intact" });
  });

  test("one object of many", async () => {
    const bucket = lockedBucket(30);
    const at = bucket.held.findIndex(({ key }) => key === `log/${BATCH}`);
    bucket.held[at] = { ...(bucket.held[at] as (typeof bucket.held)[number]), lock: undefined };
    expect(codesOf((await verifyIn(bucket, store, 30 * DAY)).findings)).toEqual([`LOCK_WEAK ${BATCH}`]);
  });
});

describe("what cannot be established never passes", () => {
  test("the network ends, at whichever request", async () => {
    const whole = bucketOf(store);
    expect(await verifyIn(whole)).toMatchObject({ verdict: "intact" });
    const all = whole.requests.filter((request) => request.startsWith("GET")).length;
    expect(all).toBeGreaterThan(20);
    for (let at = 1; at <= all; at += 1) {
      const bucket = bucketOf(store);
      let requests = 0;
      const cut: S3Bucket = {
        ...bucket,
        get: async (...args) => {
          requests += 1;
          if (requests >= at) throw new FleetsecError("unreachable", "the network is gone");
          return bucket.get(...args);
        },
      };
      await expect(verifyIn(cut)).rejects.toMatchObject({ code: "unreachable" });
    }
  });

  test.each([
    [
      "403 AccessDenied",
      () => ({ status: 403, headers: {}, body: Buffer.from("<Code>AccessDenied</Code>") }),
    ],
    [
      "404 NoSuchVersion",
      () => ({ status: 404, headers: {}, body: Buffer.from("<Code>NoSuchVersion</Code>") }),
    ],
    ["came", () => ({ status: 200, headers: {}, body: Buffer.from("short") })],
  ])("an object that the server does not give: %s", async (why, answer) => {
    for (const path of store.keys()) {
      const bucket = bucketOf(store);
      const deny: S3Bucket = {
        ...bucket,
        get: async (key, ...rest) => (key === `log/${path}` ? answer() : bucket.get(key, ...rest)),
      };
      const { ok, verdict, unestablished } = await verifyIn(deny);
      expect({ path, ok, intact: verdict === "intact" }).toEqual({ path, ok: false, intact: false });
      expect(unestablished.join()).toContain(why);
    }
  });

  test("a version that went away while it was listed", async () => {
    const bucket = bucketOf(store);
    const list: S3Bucket = {
      ...bucket,
      async *versions(prefix, most) {
        yield* bucket.versions(prefix, most);
        bucket.held.splice(
          bucket.held.findIndex(({ key }) => key === `log/${BATCH}`),
          1,
        );
      },
    };
    expect(await verifyIn(list)).toMatchObject({ ok: false, verdict: "not-established" });
  });

  test("a listing that names an object twice, in no order, or without its size", async () => {
    const bucket = bucketOf(store);
    const listing = (edit: (pages: Page[]) => Page[]): S3Bucket => ({
      ...bucket,
      async *versions(prefix, most) {
        const pages: Page[] = [];
        for await (const page of bucket.versions(prefix, most)) pages.push(page);
        yield* edit(pages);
      },
    });
    expect((await verifyIn(listing((pages) => pages))).verdict).toBe("intact");
    const twice = listing((pages) => [...pages, ...pages]);
    const found = await verifyIn(twice);
    expect(found.ok).toBe(false);
    expect(new Set(found.findings.map(({ code }) => code))).toEqual(new Set(["OBJECT_SHADOWED"]));
    const backwards = listing((pages) =>
      pages.map((page) => ({ ...page, versions: page.versions.toReversed() })),
    );
    expect((await verifyIn(backwards)).verdict).toBe("intact");
    const sizeless = listing((pages) =>
      pages.map((page) => ({
        ...page,
        versions: page.versions.map((one) => ({ ...one, size: Number.NaN })),
      })),
    );
    await expect(verifyIn(sizeless)).rejects.toMatchObject({ code: "unreachable" });
  });
});

type Page = S3Bucket extends { versions(prefix: string, most: number): AsyncIterable<infer P> } ? P : never;

test("a whole bucket, a folder's marker, and neighbours with a longer name", async () => {
  const whole = memoryBucket(store);
  expect(await verifyIn(whole, store, undefined, "s3://bucket")).toMatchObject({ verdict: "intact" });
  const bucket = bucketOf(store);
  bucket.overwrite("log/", Buffer.alloc(0));
  bucket.overwrite("log-2/checkpoint", Buffer.from("another"));
  expect(await verifyIn(bucket)).toMatchObject({ verdict: "intact" });
  bucket.overwrite("log/", Buffer.from("hidden"));
  expect((await verifyIn(bucket)).ok).toBe(false);
});
