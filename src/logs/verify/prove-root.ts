import type { ChosenTree } from "./choose-tree.ts";
import { hashesFromTiles } from "./hash-sources.ts";
import { emptyHashTree, type HashTree } from "./hash-tree.ts";
import type { Inventory } from "./inventory.ts";
import type { Pace } from "./pace.ts";
import { type Proof, proveHashes } from "./prove.ts";
import type { StoreReader } from "./store.ts";

export interface RootSource {
  readonly reader: StoreReader;
  readonly inventory: Inventory;
  readonly chosen: ChosenTree;
  readonly pace: Pace;
}

/** The hashes that a signed root proves. Tiles are asked only where the bundles do not make the root. */
export async function proveRoot(
  { reader, inventory, chosen, pace }: RootSource,
  bundles: HashTree,
): Promise<{ readonly proof?: Proof; readonly root?: Uint8Array }> {
  const { size, roots } = chosen;
  for (const root of roots) {
    const proof = proveHashes(root, size, [bundles]);
    if (proof.established) return { proof, root };
  }
  const [root] = roots;
  if (root === undefined) return {};
  const tiles = await hashesFromTiles(reader, inventory, size, false, pace);
  const older = await hashesFromTiles(reader, inventory, size, true, pace);
  for (const other of roots) {
    const proof = proveHashes(other, size, [bundles, tiles, older]);
    if (proof.established) return { proof, root: other };
  }
  return { proof: { established: false, proved: emptyHashTree() }, root };
}
