import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  EMPTY_ROOT,
  growingTree,
  HASH_SIZE,
  leafHash,
  MAX_TREES,
  nodeHash,
  rootOf,
  rootsOfPeaks,
  splitPoint,
} from "../../src/logs/merkle.ts";

/** RFC 9162 section 2.1.1, word for word. */
function definition(leaves: readonly Buffer[]): Buffer {
  const sha256 = (...parts: Uint8Array[]) => createHash("sha256").update(Buffer.concat(parts)).digest();
  if (leaves.length === 0) return sha256();
  if (leaves.length === 1) return sha256(Buffer.of(0), leaves[0] as Buffer);
  const k = splitPoint(leaves.length);
  return sha256(Buffer.of(1), definition(leaves.slice(0, k)), definition(leaves.slice(k)));
}

describe("a growing tree", () => {
  test("has RFC 9162's root at every size up to 300", () => {
    const leaves = Array.from({ length: 300 }, (_, i) => Buffer.from(`leaf ${i}`));
    const tree = growingTree();
    expect(tree.root()).toEqual(EMPTY_ROOT);
    leaves.forEach((leaf, i) => {
      tree.append(leafHash(leaf));
      expect(tree.size()).toBe(i + 1);
      expect(tree.root()).toEqual(definition(leaves.slice(0, i + 1)));
    });
  });

  test("has the same roots where many trees are worked out at once", () => {
    const tree = growingTree();
    const trees: Uint8Array[][] = [];
    const roots: Buffer[] = [];
    for (let size = 0; size < MAX_TREES; size += 1) {
      trees.push(tree.peaks());
      roots.push(tree.root());
      tree.append(leafHash(Buffer.from(`leaf ${size}`)));
    }
    const all = rootsOfPeaks(trees);
    expect(all).toEqual(Buffer.concat(roots));
    const [some, reversed] = [trees.slice(250, 265), trees.slice(250, 265).toReversed()];
    expect(rootsOfPeaks(some)).toEqual(Buffer.concat(roots.slice(250, 265)));
    expect(rootsOfPeaks(reversed)).toEqual(Buffer.concat(roots.slice(250, 265).toReversed()));
    expect(rootsOfPeaks([])).toEqual(Buffer.alloc(0));
  });

  test("takes perfect subtrees where they fit, and only there", () => {
    const hashes = Array.from({ length: 7 }, (_, i) => leafHash(Buffer.of(i)));
    const [a, b, c, d, e, f, g] = hashes as [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer, Buffer];
    const tree = growingTree();
    tree.appendSubtree(nodeHash(nodeHash(a, b), nodeHash(c, d)), 2);
    tree.appendSubtree(nodeHash(e, f), 1);
    tree.append(g);
    expect(tree.root()).toEqual(rootOf(Buffer.concat(hashes)));
    expect(() => tree.appendSubtree(nodeHash(a, b), 1)).toThrow(RangeError);
  });
});

test("rootOf covers the range that it is given", () => {
  fc.assert(
    fc.property(fc.nat(40), fc.nat(40), (a, b) => {
      const [start, end] = a < b ? [a, b] : [b, a];
      const leaves = Array.from({ length: 40 }, (_, i) => Buffer.of(i));
      const hashes = Buffer.concat(leaves.map(leafHash));
      expect(hashes).toHaveLength(40 * HASH_SIZE);
      expect(rootOf(hashes, start, end)).toEqual(definition(leaves.slice(start, end)));
    }),
  );
});

test("the split point is exact beyond 2^31", () => {
  expect([2, 3, 4, 5, 2 ** 40, 2 ** 40 + 1].map(splitPoint)).toEqual([1, 2, 2, 4, 2 ** 39, 2 ** 40]);
});
