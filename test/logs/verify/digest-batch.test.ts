import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { batchPath, hashesPath } from "../../../src/logs/layout.ts";
import { hashRecords } from "../../../src/logs/records.ts";
import { firstDifference } from "../../../src/logs/verify/bundle-findings.ts";
import { batchDigester, type BatchQuestion } from "../../../src/logs/verify/digest-batch.ts";
import type { StoredFile, StoreReader } from "../../../src/logs/verify/store.ts";
import type { StoreFiles } from "../store-model.ts";

/** Reads as a server answers: in turns, and late; `held` is how many files were open at once at most. */
function slowReader(files: StoreFiles) {
  let [open, most] = [0, 0];
  const turns = async (n: number): Promise<void> => {
    for (let i = 0; i < n; i += 1) await Promise.resolve();
  };
  const withFile = async <T>(path: string, use: (file: StoredFile) => Promise<T>): Promise<T | undefined> => {
    const data = files.get(path);
    if (data === undefined) return undefined;
    most = Math.max(most, (open += 1));
    const read = async (into: Uint8Array, position: number): Promise<number> => {
      await turns((position + data.length) % 7);
      const length = data.subarray(position, position + into.length).copy(into);
      await turns(3);
      return length;
    };
    const result = await use({ size: data.length, read });
    open -= 1;
    return result;
  };
  const reader: Partial<StoreReader> = {
    name: "slow",
    withFile,
    size: (path) => Promise.resolve(files.get(path)?.length),
  };
  return { reader: reader as StoreReader, most: () => most };
}

/** A batch of so many records of about so many bytes, none like those of another batch. */
function batchOf(seq: number, records: number, length: number): Buffer {
  const line = (n: number) => `${seq}:${n} ${"x".repeat((n * 31 + seq) % (length + 1))}\n`;
  return Buffer.from(Array.from({ length: records }, (_, n) => line(n)).join(""));
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

function question(seq: number, data: Buffer): BatchQuestion {
  const { records, sha256 } = hashRecords(data);
  return { seq, bytes: data.length, records, sha256, deep: true };
}

const atOnce = () => Promise.resolve();

describe("digesting batches", () => {
  test("each has its own memory, however many are under way in one thread", async () => {
    const sizes = [0, 1, 2047, 2048, 2049, 4096, 5000, 7, 3000, 2048, 100, 6200];
    const batches = sizes.map((records, seq) => batchOf(seq, records, 90));
    const files: StoreFiles = new Map(
      batches.flatMap((data, seq): [string, Buffer][] => [
        [batchPath(seq), data],
        [hashesPath(seq), Buffer.from(hashRecords(data).hashes)],
      ]),
    );
    const { reader, most } = slowReader(files);
    const digest = batchDigester(reader, atOnce);
    // the second time in the memory that the first left behind
    for (const order of [batches, batches.toReversed()]) {
      const found = await Promise.all(order.map((data) => digest(question(batches.indexOf(data), data))));
      expect(found).toEqual(
        order.map((data) => {
          const { records: count, root, sha256, hashes } = hashRecords(data);
          const sidecar = { size: hashes.length, offset: undefined };
          return { size: data.length, sha256, records: { count, root: hex(root) }, sidecar };
        }),
      );
    }
    expect(most()).toBeGreaterThan(batches.length);
  });

  test("a batch that cannot be read takes no memory from the others", async () => {
    const data = batchOf(0, 3000, 50);
    const { reader } = slowReader(new Map([[batchPath(0), data]]));
    const digest = batchDigester(reader, atOnce);
    const [none, found] = await Promise.all([digest(question(1, data)), digest(question(0, data))]);
    expect(none).toBeUndefined();
    const { records: count, root, sha256 } = hashRecords(data);
    expect(found).toEqual({ size: data.length, sha256, records: { count, root: hex(root) } });
  });

  test("a sidecar's first difference is found wherever it is, and so is what is missing or too much", async () => {
    const data = batchOf(0, 5000, 20);
    const right = Buffer.from(hashRecords(data).hashes);
    const place = fc.oneof(
      fc.nat(right.length - 1),
      fc.constantFrom(0, 65_535, 65_536, 131_071, 131_072, right.length - 1),
    );
    const damage = fc.oneof(
      fc.uniqueArray(place, { maxLength: 3 }).map((places) => {
        const altered = Buffer.from(right);
        for (const at of places) altered[at] = (altered[at] ?? 0) ^ 1;
        return altered;
      }),
      place.map((end) => right.subarray(0, end)),
      fc.integer({ min: 1, max: 70_000 }).map((more) => Buffer.concat([right, Buffer.alloc(more)])),
    );
    await fc.assert(
      fc.asyncProperty(damage, async (sidecar) => {
        const files = new Map([
          [batchPath(0), data],
          [hashesPath(0), sidecar],
        ]);
        const found = await batchDigester(slowReader(files).reader, atOnce)(question(0, data));
        expect(found?.sidecar).toEqual({ size: sidecar.length, offset: firstDifference(sidecar, right) });
      }),
      { numRuns: 40 },
    );
  });

  test("of a leaf that claims too few records, or billions, the records are counted all the same", async () => {
    const data = batchOf(0, 5000, 20);
    const { reader } = slowReader(new Map([[batchPath(0), data]]));
    const digest = batchDigester(reader, atOnce);
    const count = async (records: number) =>
      (await digest({ ...question(0, data), records }))?.records?.count;
    expect(await count(5000)).toBe(5000);
    expect(await count(2047)).toBe(2048);
    expect(await count(Number.MAX_SAFE_INTEGER - 1)).toBe(5000);
  });
});
