import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  consistencyProof,
  inclusionProof,
  isSubtree,
  subtreeProof,
  verifyConsistency,
  verifyInclusion,
  verifySubtree,
  verifySubtreeInclusion,
} from "../../src/logs/merkle-proof.ts";
import { HASH_SIZE, leafHash, rootOf } from "../../src/logs/merkle.ts";
import { describeWithVectors } from "../peers/engines.ts";

interface Vector {
  readonly wantErr: boolean;
  readonly proof: readonly string[] | null;
  readonly [field: string]: unknown;
}

const checks: Readonly<Record<string, (vector: Vector, proof: Buffer[]) => boolean>> = {
  inclusion: (v, proof) =>
    verifyInclusion(n(v, "leafIdx"), n(v, "treeSize"), proof, b(v, "leafHash"), b(v, "root")),
  subtreeinclusion: (v, proof) =>
    verifySubtreeInclusion(
      n(v, "leafIdx"),
      n(v, "start"),
      n(v, "end"),
      proof,
      b(v, "leafHash"),
      b(v, "root"),
    ),
  consistency: (v, proof) =>
    verifyConsistency(n(v, "size1"), n(v, "size2"), proof, b(v, "root1"), b(v, "root2")),
  subtreeconsistency: (v, proof) =>
    verifySubtree(n(v, "start"), n(v, "end"), n(v, "size"), proof, b(v, "root1"), b(v, "root2")),
};

function n(vector: Vector, field: string): number {
  return vector[field] as number;
}

function b(vector: Vector, field: string): Buffer {
  return Buffer.from((vector[field] as string | null) ?? "", "base64");
}

// transparency-dev/merkle testdata/, 417fb0c
describeWithVectors("merkle/testdata", "the merkle vectors", (root) => {
  const counted = Object.entries(checks).map(([folder, check]) => {
    const files = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".json"))
      .sort();
    test(`${folder}: ${files.length} vectors`, () => {
      for (const file of files) {
        const vector = JSON.parse(readFileSync(join(root, folder, file), "utf8")) as Vector;
        const proof = (vector.proof ?? []).map((hash) => Buffer.from(hash, "base64"));
        expect({ file, holds: check(vector, proof) }).toEqual({ file, holds: !vector.wantErr });
      }
    });
    return files.length;
  });

  test("are 518 in all", () => {
    expect(counted.reduce((sum, count) => sum + count, 0)).toBe(518);
  });
});

const leaves = Array.from({ length: 70 }, (_, i) => leafHash(Buffer.from(`leaf ${i}`)));
const hashes = Buffer.concat(leaves);
const rangeRoot = (start: number, end: number) => rootOf(hashes, start, end);

/** Every way to spoil a proof by one hash. */
function* spoiled(proof: readonly Uint8Array[]): Generator<Uint8Array[]> {
  yield [...proof, leafHash(Buffer.of())];
  yield [leafHash(Buffer.of()), ...proof];
  for (let i = 0; i < proof.length; i += 1) {
    yield proof.toSpliced(i, 1);
    yield proof.with(i, leafHash(Buffer.of(i)));
    yield proof.with(i, Buffer.alloc(HASH_SIZE + 1));
  }
}

describe("proofs", () => {
  test("every leaf of every tree up to 70 leaves is included, and nothing else is", () => {
    for (let size = 1; size <= leaves.length; size += 1) {
      const root = rangeRoot(0, size);
      for (let index = 0; index < size; index += 1) {
        const proof = inclusionProof(index, size, rangeRoot);
        const leaf = leaves[index] as Buffer;
        expect(verifyInclusion(index, size, proof, leaf, root)).toBe(true);
        expect(verifyInclusion(index, size, proof, root, leaf)).toBe(size === 1);
        expect(verifyInclusion(index + 1, size, proof, leaf, root)).toBe(false);
      }
    }
  });

  test("every tree up to 70 leaves extends every smaller one", () => {
    for (let size2 = 1; size2 <= leaves.length; size2 += 1) {
      for (let size1 = 1; size1 <= size2; size1 += 1) {
        const proof = consistencyProof(size1, size2, rangeRoot);
        const [root1, root2] = [rangeRoot(0, size1), rangeRoot(0, size2)];
        expect(verifyConsistency(size1, size2, proof, root1, root2)).toBe(true);
        expect(verifyConsistency(size1, size2, proof, root2, root1)).toBe(size1 === size2);
      }
    }
  });

  test("a proof with a hash too many, too few, changed or of the wrong length proves nothing", () => {
    fc.assert(
      fc.property(subtreeOf(leaves.length), ([start, end, size]) => {
        const proof = subtreeProof(start, end, size, rangeRoot);
        const [subRoot, root] = [rangeRoot(start, end), rangeRoot(0, size)];
        expect(verifySubtree(start, end, size, proof, subRoot, root)).toBe(true);
        expect(verifySubtree(start, end, size, proof, root, root)).toBe(end - start === size);
        for (const bad of spoiled(proof)) {
          expect(verifySubtree(start, end, size, bad, subRoot, root)).toBe(false);
        }
      }),
    );
  });

  test("what is no subtree has no proof", () => {
    for (const [start, end, size] of [
      [1, 3, 8],
      [2, 6, 8],
      [0, 9, 8],
      [3, 2, 8],
      [-1, 0, 8],
      [0.5, 1, 8],
    ] as const) {
      expect(() => subtreeProof(start, end, size, rangeRoot)).toThrow(RangeError);
      expect(verifySubtree(start, end, size, [], rangeRoot(0, 1), rangeRoot(0, 1))).toBe(false);
    }
    expect(subtreeProof(8, 8, 8, rangeRoot)).toEqual([]);
  });

  test("a size beyond 2^53 is refused, not rounded", () => {
    const [leaf] = leaves as [Buffer];
    expect(verifyInclusion(0, 2 ** 53, [], leaf, leaf)).toBe(false);
  });
});

function subtreeOf(leafCount: number): fc.Arbitrary<readonly [number, number, number]> {
  return fc
    .tuple(fc.nat(leafCount), fc.nat(leafCount), fc.nat(leafCount))
    .map((numbers) => numbers.sort((a, c) => a - c))
    .filter(([start, end]) => start < end && isSubtree(start, end));
}
