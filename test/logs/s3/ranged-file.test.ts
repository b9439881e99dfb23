import * as fc from "fast-check";
import { expect, test } from "vitest";
import { PART, rangedFile } from "../../../src/logs/s3/ranged-file.ts";

const BYTES = Buffer.from(Uint8Array.from({ length: 3 * PART + 1000 }, (_, i) => (i * 31 + (i >> 9)) & 0xff));

/** The file, and the ranges that were asked for. */
function fileOf(size: number) {
  const asked: (readonly [number, number])[] = [];
  let underway = 0;
  let most = 0;
  const file = rangedFile(size, async (from, to) => {
    asked.push([from, to]);
    underway += 1;
    most = Math.max(most, underway);
    await Promise.resolve();
    underway -= 1;
    return BYTES.subarray(from, to);
  });
  return { file, asked, most: () => most };
}

test("gives the bytes of any range, in any order, up to its end", async () => {
  const ranges = fc.array(fc.tuple(fc.nat(BYTES.length + 10), fc.integer({ min: 0, max: 200_000 })), {
    maxLength: 12,
  });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: BYTES.length }), ranges, async (size, reads) => {
      const { file, asked } = fileOf(size);
      for (const [position, length] of reads) {
        const into = Buffer.alloc(length);
        const read = await file.read(into, position);
        const expected = BYTES.subarray(0, size).subarray(position, position + length);
        expect(read).toBe(expected.length);
        expect(into.subarray(0, read).equals(expected)).toBe(true);
      }
      for (const [from, to] of asked) {
        expect(from < to && to <= size && to - from <= PART).toBe(true);
      }
    }),
    { numRuns: 30 },
  );
});

test("asks for each part once, and ahead, where it is read from its beginning on", async () => {
  const { file, asked, most } = fileOf(BYTES.length);
  for (let at = 0; at < BYTES.length; at += 65_536) await file.read(Buffer.alloc(65_536), at);
  expect(asked.map(([from]) => from)).toEqual([0, PART, 2 * PART, 3 * PART]);
  expect(most()).toBeGreaterThan(1);
});

test("a part that fails is thrown where it is needed, and not before", async () => {
  const file = rangedFile(2 * PART, async (from) => {
    if (from > 0) throw new Error("gone");
    return BYTES.subarray(0, PART);
  });
  expect(await file.read(Buffer.alloc(100), 0)).toBe(100);
  await expect(file.read(Buffer.alloc(100), PART - 50)).rejects.toThrow("gone");
});
