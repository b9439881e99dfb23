import type { BatchRange } from "./verification.ts";

/** One of `count` parts of a log whose size need not be known; `index` is 1-based. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** The batches that one of several machines reads. */
export type Part = BatchRange | Shard;

/** The part of a log of that size: what lies beyond the end is not there to be read. */
export function rangeOf(part: Part | undefined, size: number): BatchRange {
  if (part === undefined) return { from: 0, to: size };
  if ("count" in part) {
    // beyond 2^53 the product would not be exact
    const at = (index: number) => Number((BigInt(index) * BigInt(size)) / BigInt(part.count));
    return { from: at(part.index - 1), to: at(part.index) };
  }
  return { from: Math.min(part.from, size), to: Math.min(part.to, size) };
}
