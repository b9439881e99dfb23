import { HASH_SIZE, leafHash } from "../merkle.ts";
import { levelSize, type Tile, tilePath, TILE_WIDTH, tileWidth } from "../tiles.ts";
import { bundlesIn, leafIn } from "./bundle.ts";
import { buildUpwards, emptyHashTree, type HashTree, setHash } from "./hash-tree.ts";
import { inOrder } from "./in-order.ts";
import type { Inventory } from "./inventory.ts";
import type { Pace } from "./pace.ts";
import type { StoreReader } from "./store.ts";
import type { BatchRange } from "./verification.ts";

/** What the entry bundles say the tree is. */
export interface BundleHashes {
  readonly tree: HashTree;
  /** Records in all batches, by the leaves. */
  readonly records: number;
  /** Bytes of the batches that are to be read, by the leaves. */
  readonly bytes: number;
}

/**
 * The hashes of the leaves in the store's bundles, and of the levels above them.
 * @param range the batches that are to be read
 */
export async function hashesFromBundles(
  reader: StoreReader,
  inventory: Inventory,
  size: number,
  range: BatchRange,
  pace: Pace,
): Promise<BundleHashes> {
  const tree = emptyHashTree();
  let [records, bytes] = [0, 0];
  for await (const { index, bundle } of bundlesIn(reader, inventory, size)) {
    await pace();
    const entries = bundle?.entries ?? [];
    for (const [slot, entry] of entries.slice(0, tileWidth(0, index, size)).entries()) {
      const seq = index * TILE_WIDTH + slot;
      setHash(tree, 0, seq, leafHash(entry));
      const said = leafIn(entry);
      records += said?.records ?? 0;
      if (range.from <= seq && seq < range.to) bytes += said?.bytes ?? 0;
    }
  }
  buildUpwards(tree);
  return { tree, records, bytes };
}

/** The hashes in the store's tiles; with `older`, in the widest partial tiles that a later one replaced. */
export async function hashesFromTiles(
  reader: StoreReader,
  inventory: Inventory,
  size: number,
  older: boolean,
  pace: Pace,
): Promise<HashTree> {
  const tree = emptyHashTree();
  const tiles = chosenTiles(inventory, size, older);
  const read = inOrder(tiles, reader.abreast, (tile) => reader.read(tilePath(tile), TILE_WIDTH * HASH_SIZE));
  for await (const [{ level, index, width }, hashes] of read) {
    await pace();
    if (hashes === undefined) continue;
    for (let slot = 0; slot < width && (slot + 1) * HASH_SIZE <= hashes.length; slot++) {
      const hash = hashes.subarray(slot * HASH_SIZE, (slot + 1) * HASH_SIZE);
      setHash(tree, level, index * TILE_WIDTH + slot, hash);
    }
  }
  return tree;
}

function* chosenTiles({ tiles }: Inventory, size: number, older: boolean): Generator<Tile> {
  for (const [level, { full, partial }] of tiles) {
    for (const index of new Set([...full, ...partial.keys()])) {
      const newest = tileWidth(level, index, size);
      const widths = [...(partial.get(index) ?? []), ...(full.has(index) ? [TILE_WIDTH] : [])];
      const width = older ? Math.max(...widths.filter((w) => w < newest)) : newest;
      if (!widths.includes(width) || width > levelSize(level, size) - index * TILE_WIDTH) continue;
      yield { level, index, width };
    }
  }
}
