import { digestWriter } from "../digest-writer.ts";
import { appendLeaves, growingTree, HASH_SIZE, rootOf } from "../merkle.ts";
import { hashInto } from "../records.ts";

const RANGE_HEIGHT = 11;
/**
 * Records of a batch whose tree is a node of the batch's tree, as their number is a power of two and
 * they begin at a multiple of it. So each range can be hashed alone, on any thread.
 */
export const RANGE = 2 ** RANGE_HEIGHT;

/** Whole lines, and where the leaf hash of each goes. All of it stays where it is until they are hashed. */
export interface Range {
  readonly lines: Uint8Array;
  readonly hashes: Uint8Array;
}

/** Hashes the lines, and gives the root over them. */
export type HashRange = (range: Range) => Uint8Array | Promise<Uint8Array>;

/** What the task `hash-range` does. */
export function hashRange({ lines, hashes }: Range): Uint8Array {
  const into = Buffer.from(hashes.buffer, hashes.byteOffset, hashes.length);
  hashInto(lines, hashes.length / HASH_SIZE, digestWriter(into));
  // in memory of its own: a thread is answered with all of the memory that it is in
  return Uint8Array.from(rootOf(into));
}

/**
 * The root over all records.
 * @param roots of the whole ranges, in order
 * @param rest leaf hashes of the records after those, fewer than make a range
 */
export function joinRanges(roots: readonly Uint8Array[], rest: Uint8Array): Buffer {
  const tree = growingTree();
  for (const root of roots) tree.appendSubtree(root, RANGE_HEIGHT);
  appendLeaves(tree, rest);
  return tree.root();
}

/** Memory that other threads read and write where it is. It takes room once something is written to it. */
export function sharedBuffer(length: number): Buffer {
  return Buffer.from(new SharedArrayBuffer(length));
}
