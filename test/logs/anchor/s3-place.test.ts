import { beforeAll, describe, expect, test } from "vitest";
import { FleetsecError } from "../../../src/errors.ts";
import type { ObjectLock, S3Bucket } from "../../../src/logs/s3/client.ts";
import { s3Place } from "../../../src/logs/anchor/s3-place.ts";
import type { ObjectVersion } from "../../../src/logs/s3/versions.ts";
import { readAnchors } from "../../../src/logs/verify/anchors.ts";
import { modelStore, type StoreFiles } from "../store-model.ts";
import { batchesOf, trustIn } from "../verify/verifying.ts";
import { modelSigner } from "../store-model.ts";

let model: StoreFiles;
beforeAll(async () => {
  model = await modelStore(batchesOf(3, 1));
});

const DAY = 86_400_000;
const WRITTEN = Date.UTC(2026, 0, 1);

interface Held extends Partial<ObjectVersion> {
  readonly key: string;
  readonly body?: Buffer;
  readonly lock?: ObjectLock | undefined;
}

/** Reads what is in a bucket, which lists so many versions a page. */
async function anchorsIn(held: readonly Held[], { prefix = "a", pageSize = 100 } = {}) {
  const all = held.map((one, i) => ({
    versionId: String(i),
    isLatest: true,
    deleted: false,
    size: 0,
    lastModified: new Date(WRITTEN).toISOString(),
    body: model.get("checkpoint") ?? Buffer.of(),
    lock: { mode: "COMPLIANCE", until: WRITTEN + 365 * DAY },
    ...one,
  }));
  const find = (key: string, id: string | undefined) =>
    all.find((one) => one.key === key && one.versionId === id);
  const bucket: S3Bucket = {
    async *versions() {
      for (let at = 0; at < Math.max(1, all.length); at += pageSize) {
        const next = all[at + pageSize] === undefined ? undefined : { key: "k", version: "v" };
        yield { versions: all.slice(at, at + pageSize), next };
      }
    },
    get: async (key, _most, which) => {
      const body = find(key, which?.version)?.body;
      return { status: body === undefined ? 404 : 200, headers: {}, body: body ?? Buffer.of() };
    },
    lock: async (key, id) => find(key, id)?.lock,
    canLock: () => Promise.reject(new Error("nothing is locked")),
    put: () => Promise.reject(new Error("nothing is written")),
    failure: (_answer, what) => new FleetsecError("unreachable", what),
  };
  const place = s3Place(
    { source: `s3://bucket/${prefix}`, bucket: "bucket", prefix },
    bucket,
    { now: () => 0 },
    0,
  );
  const { anchors, findings } = await readAnchors(place, trustIn(modelSigner()));
  return {
    sizes: anchors.map(({ size }) => size),
    sources: anchors.map(({ source }) => source),
    findings: findings.map(({ code, path }) => `${code} ${path}`),
  };
}

const checkpoint = (size: number) => model.get(`fleetsec/checkpoint/${size}`) ?? Buffer.of();

test("the control: every locked version anchors, on however many pages they are listed", async () => {
  const held = [1, 2, 3].map((size) => ({ key: `a/${size}`, body: checkpoint(size) }));
  for (const pageSize of [1, 2, 100]) {
    expect(await anchorsIn(held, { pageSize })).toEqual({
      sizes: [1, 2, 3],
      sources: ["s3://bucket/a/1", "s3://bucket/a/2", "s3://bucket/a/3"],
      findings: [],
    });
  }
});

test("what only begins with the letters of the prefix is not below it", async () => {
  const held = [{ key: "a" }, { key: "ab/1", body: Buffer.from("noise") }, { key: "a/3" }];
  expect((await anchorsIn(held)).sources).toEqual(["s3://bucket/a", "s3://bucket/a/3"]);
  expect((await anchorsIn([{ key: "x" }], { prefix: "" })).sizes).toEqual([3]);
});

describe("36: OBJECT_SHADOWED", () => {
  test.each([1, 2, 100])("a version over another, %i versions a page", async (pageSize) => {
    const held = [
      { key: "a/1", body: checkpoint(1) },
      { key: "a/3", versionId: "new", body: checkpoint(2) },
      { key: "a/3", versionId: "old", isLatest: false, lastModified: new Date(WRITTEN - DAY).toISOString() },
    ];
    expect(await anchorsIn(held, { pageSize })).toEqual({
      sizes: [1, 2, 3],
      sources: ["s3://bucket/a/1", "s3://bucket/a/3?versionId=new", "s3://bucket/a/3?versionId=old"],
      findings: ["OBJECT_SHADOWED s3://bucket/a/3"],
    });
  });

  test("a delete marker over the version, and one over nothing that is left", async () => {
    const marker = { key: "a/3", versionId: "marker", deleted: true };
    const found = await anchorsIn([marker, { key: "a/3", versionId: "old", isLatest: false }]);
    expect(found).toMatchObject({ sizes: [3], findings: ["OBJECT_SHADOWED s3://bucket/a/3"] });
    expect(await anchorsIn([marker])).toMatchObject({
      sizes: [],
      findings: ["OBJECT_SHADOWED s3://bucket/a/3"],
    });
  });
});

describe("37: LOCK_WEAK", () => {
  test.each<[string, ObjectLock | undefined, boolean]>([
    ["no lock", undefined, true],
    ["GOVERNANCE", { mode: "GOVERNANCE", until: WRITTEN + 365 * DAY }, true],
    ["29 days", { mode: "COMPLIANCE", until: WRITTEN + 29 * DAY }, true],
    ["no date", { mode: "COMPLIANCE", until: Number.NaN }, true],
    ["30 days (the control)", { mode: "COMPLIANCE", until: WRITTEN + 30 * DAY }, false],
  ])("%s", async (_what, lock, weak) => {
    const { sizes, findings } = await anchorsIn([{ key: "a/3", lock }]);
    expect({ sizes, findings }).toEqual({ sizes: [3], findings: weak ? ["LOCK_WEAK s3://bucket/a/3"] : [] });
  });
});

test("a bucket without a checkpoint, or that does not give what it lists, is no anchor", async () => {
  await expect(anchorsIn([])).rejects.toMatchObject({ code: "input" });
  await expect(anchorsIn([{ key: "a/3", body: Buffer.from("noise") }])).rejects.toMatchObject({
    code: "input",
  });
});
