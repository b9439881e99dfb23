import * as fc from "fast-check";
import { expect, test } from "vitest";
import { HASH_SIZE, leafHash, rootOf } from "../../src/logs/merkle.ts";
import { consistencyProof, inclusionProof } from "../../src/logs/merkle-proof.ts";
import { rangeRoots } from "../../src/logs/store-tree.ts";
import type { Tile } from "../../src/logs/tiles.ts";

// three levels of tiles
const SIZE = 65_800;
const hashes = Buffer.concat(Array.from({ length: SIZE }, (_, i) => leafHash(Buffer.from(String(i)))));

/** A tile by its definition, and how often one was asked for. */
function tilesOver() {
  const asked: string[] = [];
  const read = ({ level, index, width }: Tile) => {
    asked.push(`${level}/${index}`);
    const span = 256 ** level;
    const first = index * 256;
    return Buffer.concat(
      Array.from({ length: width }, (_, i) => rootOf(hashes, (first + i) * span, (first + i + 1) * span)),
    );
  };
  return { asked, read };
}

test("proofs from tiles are those from the leaves, at every kind of size", () => {
  const plain = (start: number, end: number) => rootOf(hashes, start, end);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 600 }), fc.nat(), (size, n) => {
      const roots = rangeRoots(size, tilesOver().read);
      const index = n % size;
      expect(inclusionProof(index, size, roots)).toEqual(inclusionProof(index, size, plain));
      expect(consistencyProof(index + 1, size, roots)).toEqual(consistencyProof(index + 1, size, plain));
    }),
    { numRuns: 100 },
  );
  const roots = rangeRoots(SIZE, tilesOver().read);
  expect(inclusionProof(65_535, SIZE, roots)).toEqual(inclusionProof(65_535, SIZE, plain));
  expect(consistencyProof(65_537, SIZE, roots)).toEqual(consistencyProof(65_537, SIZE, plain));
});

test("a proof reads two tiles a level at most, each once", () => {
  const { asked, read } = tilesOver();
  inclusionProof(65_700, SIZE, rangeRoots(SIZE, read));
  expect(new Set(asked).size).toBe(asked.length);
  expect(asked.length).toBeLessThanOrEqual(6);
  expect(hashes.length).toBe(SIZE * HASH_SIZE);
});
