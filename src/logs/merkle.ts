import { hash } from "node:crypto";
import { hashRest, hashSoon, LEVEL, MAX_DIGESTS, memory } from "./sha256/lanes.ts";

/** SHA-256 everywhere: 32 bytes. */
export const HASH_SIZE = 32;

/** The root of a tree without leaves: SHA-256 of nothing (RFC 9162 section 2.1.1). */
export const EMPTY_ROOT: Buffer = sha256(Buffer.alloc(0));

/** SHA-256 in one shot. */
export function sha256(data: Uint8Array): Buffer {
  // "binary" and back: node makes a string of a digest twice as fast as a Buffer of it.
  return Buffer.from(hash("sha256", data, "binary"), "binary");
}

/** The hash of a leaf: SHA-256(00 || data). */
export function leafHash(data: Uint8Array): Buffer {
  const input = Buffer.allocUnsafe(data.length + 1);
  input[0] = 0;
  input.set(data, 1);
  return sha256(input);
}

/** What a node is the hash of: 01 and two hashes. */
const NODE_SIZE = 1 + 2 * HASH_SIZE;

// crypto.hash reads it before it returns, so one buffer serves every call.
const nodeInput = Buffer.alloc(NODE_SIZE, 1);

/** The hash of an inner node: SHA-256(01 || left || right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + HASH_SIZE);
  return sha256(nodeInput);
}

/**
 * The largest power of two smaller than `n`: where RFC 9162 section 2.1.1 splits a list of `n` > 1
 * leaves. Exact up to 2^53, where bit operators on numbers stop at 2^31.
 */
export function splitPoint(n: number): number {
  let power = 1;
  while (power * 2 < n) power *= 2;
  return power;
}

/** A tree that only grows. It keeps the roots of its perfect subtrees: O(log n) hashes. */
export interface GrowingTree {
  /** Adds a leaf by its hash. The bytes are not copied. */
  append(leaf: Uint8Array): void;
  /** Adds the root of a perfect subtree of 2^height leaves; the size must be a multiple of that. */
  appendSubtree(root: Uint8Array, height: number): void;
  /** Leaves so far. */
  size(): number;
  /** The roots of its perfect subtrees, from left to right: what its root is made of. */
  peaks(): Uint8Array[];
  /** The root over the leaves so far. */
  root(): Buffer;
}

/** An empty tree to append to. */
export function growingTree(): GrowingTree {
  /** Roots of perfect subtrees from left to right: strictly falling heights. */
  const peaks: { height: number; hash: Uint8Array }[] = [];
  let leaves = 0;
  const appendSubtree = (root: Uint8Array, height: number): void => {
    const lowest = peaks.at(-1)?.height ?? Number.POSITIVE_INFINITY;
    if (lowest < height) throw new RangeError("a subtree must start at a multiple of its size");
    leaves += 2 ** height;
    let carry = { height, hash: root };
    while (peaks.at(-1)?.height === carry.height) {
      const left = peaks.pop() as { hash: Uint8Array };
      carry = { height: carry.height + 1, hash: nodeHash(left.hash, carry.hash) };
    }
    peaks.push(carry);
  };
  return {
    append: (leaf) => appendSubtree(leaf, 0),
    appendSubtree,
    size: () => leaves,
    peaks: () => peaks.map((peak) => peak.hash),
    root() {
      const last = peaks.at(-1);
      if (last === undefined) return EMPTY_ROOT;
      return Buffer.from(
        peaks.slice(0, -1).reduceRight((right, left) => nodeHash(left.hash, right), last.hash),
      );
    },
  };
}

/** So many trees have room side by side: each takes the two children of a node. */
export const MAX_TREES = MAX_DIGESTS / 2;

/**
 * The roots of up to `MAX_TREES` trees by their peaks, one after the other. The same as `root` of each,
 * and faster: every tree's next node is hashed along with those of the others.
 */
export function rootsOfPeaks(trees: readonly (readonly Uint8Array[])[]): Buffer {
  const roots = Buffer.allocUnsafe(trees.length * HASH_SIZE);
  const placeOf = (tree: number) => LEVEL + 2 * HASH_SIZE * tree;
  for (const [tree, peaks] of trees.entries()) {
    memory.set(peaks.at(-1) ?? EMPTY_ROOT, placeOf(tree) + HASH_SIZE);
  }
  const most = trees.reduce((all, { length }) => Math.max(all, length), 0);
  for (let joined = 2; joined <= most; joined += 1) {
    for (const [tree, peaks] of trees.entries()) {
      const left = peaks[peaks.length - joined];
      if (left === undefined) continue;
      const at = placeOf(tree);
      memory.set(left, at);
      hashSoon(1, at, at + 2 * HASH_SIZE, at + HASH_SIZE);
    }
    hashRest();
  }
  for (const tree of trees.keys()) {
    const at = placeOf(tree) + HASH_SIZE;
    roots.set(memory.subarray(at, at + HASH_SIZE), tree * HASH_SIZE);
  }
  return roots;
}

/**
 * Adds leaves by their hashes, one after the other, fewer than 2^31. The tree's size must be a multiple
 * of their number, rounded up to a power of two: then they are added in perfect subtrees.
 */
export function appendLeaves(tree: GrowingTree, hashes: Uint8Array): void {
  const leaves = hashes.length / HASH_SIZE;
  for (let at = 0; at < leaves;) {
    const height = 31 - Math.clz32(leaves - at);
    tree.appendSubtree(rootOf(hashes, at, at + 2 ** height), height);
    at += 2 ** height;
  }
}

/**
 * The root over leaf hashes that lie one after the other in `hashes`, from `start` to before `end`.
 * Level by level in place: a hash without a sibling moves up as it is, which is what splitting at
 * the largest power of two comes to.
 */
export function rootOf(hashes: Uint8Array, start = 0, end = hashes.length / HASH_SIZE): Buffer {
  const leaves = end - start;
  if (leaves === 0) return EMPTY_ROOT;
  if (leaves > MAX_DIGESTS) {
    const middle = start + splitPoint(leaves);
    return nodeHash(rootOf(hashes, start, middle), rootOf(hashes, middle, end));
  }
  memory.set(hashes.subarray(start * HASH_SIZE, end * HASH_SIZE), LEVEL);
  for (let width = leaves; width > 1; width = Math.ceil(width / 2)) {
    for (let i = 0; i + 1 < width; i += 2) {
      const at = LEVEL + i * HASH_SIZE;
      // what it hashes is copied: it writes over none that is not
      hashSoon(1, at, at + 2 * HASH_SIZE, LEVEL + (i / 2) * HASH_SIZE);
    }
    hashRest();
    if (width % 2 === 1) {
      const last = LEVEL + (width - 1) * HASH_SIZE;
      memory.copyWithin(LEVEL + ((width - 1) / 2) * HASH_SIZE, last, last + HASH_SIZE);
    }
  }
  return Buffer.from(memory.subarray(LEVEL, LEVEL + HASH_SIZE));
}
