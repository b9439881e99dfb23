import { appendLeaves, growingTree, rootOf } from "../merkle.ts";
import { hashLeaves } from "../records.ts";

const RANGE_HEIGHT = 11;
/**
 * Records of a batch whose tree is a node of the batch's tree, as their number is a power of two and
 * they begin at a multiple of it. So each range can be hashed alone, on any thread.
 */
export const RANGE = 2 ** RANGE_HEIGHT;

export interface RangeHashes {
  /** Leaf hashes, one after the other. */
  readonly hashes: Uint8Array;
  readonly root: Uint8Array;
}

/** @param lines a range's, which stay as they are until the answer has come */
export type HashRange = (lines: Uint8Array) => RangeHashes | Promise<RangeHashes>;

/** What the task `hash-range` does. */
export function hashRange(lines: Uint8Array): RangeHashes {
  const hashes = hashLeaves(lines, RANGE);
  return { hashes, root: rootOf(hashes) };
}

/** The same over all records: those of whole ranges in order, then fewer than make a range. */
export function joinRanges(ranges: readonly RangeHashes[], rest: Buffer): RangeHashes {
  const tree = growingTree();
  for (const { root } of ranges) tree.appendSubtree(root, RANGE_HEIGHT);
  appendLeaves(tree, rest);
  const parts = [...ranges.map(({ hashes }) => hashes), rest];
  const hashes = sharedBuffer(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    hashes.set(part, at);
    at += part.length;
  }
  return { hashes, root: tree.root() };
}

/** Memory that other threads read where it is. */
export function sharedBuffer(length: number): Buffer {
  return Buffer.from(new SharedArrayBuffer(length));
}
