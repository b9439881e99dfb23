import type { Findings } from "./finding.ts";
import type { HashTree } from "./hash-tree.ts";
import type { Inventory } from "./inventory.ts";
import type { Pace } from "./pace.ts";
import type { StoreReader } from "./store.ts";

/** A leaf as the store has it. */
export interface StoredLeaf {
  readonly seq: number;
  readonly bytes: Buffer;
  /**
   * `proved`: the signed root proves it. `unproved`: nothing does, and nothing speaks against it.
   * `altered`: the signed root proves another one in its place.
   */
  readonly state: "proved" | "unproved" | "altered";
  /** The hash that the signed root proves, where it does. */
  readonly signed: Buffer | undefined;
}

export interface LeafSource {
  readonly reader: StoreReader;
  readonly inventory: Inventory;
  /** Leaves of the tree that is verified. */
  readonly size: number;
  /** Hashes that the signed root proves. */
  readonly proved: HashTree;
  readonly findings: Findings;
  readonly pace: Pace;
}
