import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { leafHash, rootOf, sha256 } from "../../src/logs/merkle.ts";
import { BLOCK, countRecords, hashRecords, recordHasher } from "../../src/logs/records.ts";

/** Records by the format's words: what stands between newlines. */
function recordsOf(data: Buffer): Buffer[] {
  const text = data.toString("latin1");
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line) => Buffer.from(line, "latin1"));
}

/** Lines of all lengths: none, short, about as long as is copied, about a block, longer. */
const length = fc.oneof(
  fc.nat(400),
  ...[4096, BLOCK, 2 * BLOCK].map((edge) => fc.integer({ min: edge - 2, max: edge + 2 })),
);
const lines = fc.array(
  fc.tuple(length, fc.nat(255)).map(([count, byte]) => Buffer.alloc(count, byte === 10 ? 0 : byte)),
  { maxLength: 8 },
);
const data = fc.tuple(lines, fc.boolean()).map(([all, terminated]) => {
  const joined = Buffer.concat(all.flatMap((line) => [line, Buffer.from("\n")]));
  return terminated ? joined : joined.subarray(0, -1);
});

test("records are hashed as the format defines them, whatever their lengths", () => {
  fc.assert(
    fc.property(data, (bytes) => {
      const leaves = Buffer.concat(recordsOf(bytes).map(leafHash));
      const { records, hashes, root, sha256: digest } = hashRecords(bytes);
      expect(records).toBe(recordsOf(bytes).length);
      expect(countRecords(bytes)).toBe(records);
      expect(Buffer.compare(hashes, leaves)).toBe(0);
      expect(root).toEqual(rootOf(leaves));
      expect(digest).toBe(sha256(bytes).toString("hex"));
    }),
    { numRuns: 40 },
  );
});

describe("a record hasher", () => {
  test("gives the same whatever the pieces that the bytes come in, and where each record begins", () => {
    fc.assert(
      fc.property(data, fc.array(fc.integer({ min: 1, max: BLOCK }), { minLength: 1 }), (bytes, sizes) => {
        const starts: number[] = [];
        const hasher = recordHasher({ records: 0, starts });
        for (let [at, n] = [0, 0]; at < bytes.length; n += 1) {
          const size = sizes[n % sizes.length] as number;
          const piece = bytes.subarray(at, at + size);
          expect(hasher.take(piece)).toBe(piece.length);
          at += piece.length;
        }
        const { hashes, terminated } = hasher.end();
        expect(hashes.equals(hashRecords(bytes).hashes)).toBe(true);
        expect(terminated).toBe(bytes.length === 0 || bytes.at(-1) === 10);
        let next = 0;
        expect(starts).toEqual(
          recordsOf(bytes).map((record) => (next += record.length + 1) - record.length - 1),
        );
      }),
      { numRuns: 40 },
    );
  });

  test("takes no more records than are wanted, and none of the bytes after them", () => {
    const hasher = recordHasher({ records: 2, most: 2 });
    const four = Buffer.from("one\ntwo\nthree\nfour");
    expect(hasher.take(four)).toBe(8);
    expect(hasher.take(four)).toBe(0);
    expect(hasher.count()).toBe(2);
    expect(hasher.end()).toEqual({ hashes: hashRecords(Buffer.from("one\ntwo\n")).hashes, terminated: true });
  });
});
