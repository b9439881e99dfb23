import { leavesIn } from "./choose-tree.ts";
import { type BundleHashes, hashesFromBundles } from "./hash-sources.ts";
import type { Inventory } from "./inventory.ts";
import type { Pace } from "./pace.ts";
import { type Part, rangeOf } from "./part.ts";
import type { StoreReader } from "./store.ts";
import type { BatchRange } from "./verification.ts";
import { watchedReader } from "./watched-reader.ts";

/** The hashes of the bundles for the size that the store most likely has, before the size is known. */
export interface HashesAhead {
  readonly size: number;
  /** Of their own: what it could not read counts only where that is in the tree. */
  readonly reader: StoreReader;
  readonly hashes: Promise<BundleHashes>;
}

/** Reads the bundles while other threads open the checkpoints, for which this one would only wait. */
export function readAhead(
  store: StoreReader,
  inventory: Inventory,
  part: Part | undefined,
  pace: Pace,
): HashesAhead {
  const size = leavesIn(inventory);
  const reader = watchedReader(store, inventory);
  const hashes = hashesFromBundles(reader, inventory, size, rangeOf(part, size), pace);
  // a fault is met where they are wanted
  hashes.catch(() => undefined);
  return { size, reader, hashes };
}

/** Those, where they are of this size; read now where they are not, or where `reader` must remember a fault. */
export async function hashesAhead(
  ahead: HashesAhead | undefined,
  reader: StoreReader,
  inventory: Inventory,
  size: number,
  range: BatchRange,
  pace: Pace,
): Promise<BundleHashes> {
  const hashes = ahead?.size === size ? await ahead.hashes : undefined;
  if (hashes !== undefined && ahead?.reader.unreadable.size === 0) return hashes;
  return hashesFromBundles(reader, inventory, size, range, pace);
}
