import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hashRecords } from "../../../src/logs/records.ts";
import { MAX_BATCH_BYTES, openBatch } from "../../../src/logs/sign/batch.ts";
import { hashRange, type Range, RANGE } from "../../../src/logs/sign/ranges.ts";

const START = 1_763_900_000_000;
const lines = (count: number, from = 0) =>
  Buffer.from(Array.from({ length: count }, (_, n) => `${from + n}\n`).join(""));

/** About as many records as make some ranges. */
const count = fc
  .tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: -2, max: 2 }))
  .map(([ranges, more]) => Math.max(1, ranges * RANGE + more));

describe("an open batch", () => {
  test("is hashed range by range, in whatever order the ranges are done, as if at once", async () => {
    await fc.assert(
      fc.asyncProperty(count, fc.integer({ min: 1, max: 30_000 }), async (records, piece) => {
        let waiting: (() => void)[] = [];
        const later = async (range: Range) => {
          await new Promise<void>((resolve) => waiting.unshift(resolve));
          return hashRange(range);
        };
        const batch = openBatch(1_000_000, later);
        for (const from of [0, 7]) {
          const data = lines(records, from);
          for (let at = 0; at < data.length;) {
            const whole = data.lastIndexOf("\n", at + piece);
            const end = whole < at ? data.indexOf("\n", at) + 1 : whole + 1;
            expect(batch.add(data.subarray(at, end), START).bytes).toBe(end - at);
            at = end;
          }
          const closing = batch.close(START, 0);
          for (const resolve of waiting) resolve();
          waiting = [];
          const time = START / 1000;
          const { hashes, root, ...rest } = await closing;
          const expected = hashRecords(data);
          expect(Buffer.compare(hashes, expected.hashes)).toBe(0);
          expect(Buffer.compare(root, expected.root)).toBe(0);
          expect(rest).toMatchObject({ records, sha256: expected.sha256, from: time, to: time });
          expect(Buffer.compare(rest.data, data)).toBe(0);
        }
      }),
      { numRuns: 30 },
    );
  });

  test("leaves the batch before it as it is", async () => {
    const batch = openBatch(1_000_000, hashRange);
    batch.add(lines(3000), START);
    const first = await batch.close(START, 0);
    batch.add(lines(5000, 10_000), START);
    expect(Buffer.compare(first.data, lines(3000))).toBe(0);
    const second = await batch.close(START, 0);
    expect([first, second].map(({ data }) => Buffer.from(data).toString())).toEqual([
      lines(3000).toString(),
      lines(5000, 10_000).toString(),
    ]);
  });

  test("takes no more records and no more bytes than it may", () => {
    const few = openBatch(RANGE + 1, hashRange);
    expect(few.add(lines(3 * RANGE), START)).toEqual({ bytes: lines(RANGE + 1).length, lines: RANGE + 1 });
    expect(few.full).toBe(true);
    const long = Buffer.alloc(1 << 20, "x");
    long[long.length - 1] = 10;
    const large = openBatch(1_000_000, hashRange);
    for (let bytes = 0; bytes < MAX_BATCH_BYTES; bytes += long.length) large.add(long, START);
    expect({ full: large.full, taken: large.add(lines(1), START) }).toEqual({
      full: false,
      taken: { bytes: 0, lines: 0 },
    });
    expect(large.full).toBe(true);
  });

  test("a range that could not be hashed is told when the batch is closed", async () => {
    const batch = openBatch(1_000_000, async () => Promise.reject(new Error("the thread is gone")));
    batch.add(lines(RANGE), START);
    await expect(batch.close(START, 0)).rejects.toThrow("the thread is gone");
  });
});
