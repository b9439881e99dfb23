import { growingTree, HASH_SIZE, rootOf } from "./merkle.ts";
import type { RangeRoot } from "./merkle-proof.ts";
import { type Tile, tilePath, TILE_WIDTH, tileWidth } from "./tiles.ts";

const TILE_HEIGHT = Math.log2(TILE_WIDTH);

/**
 * Roots over ranges of leaves, from the tiles of a tree of `size` leaves. A proof takes two tiles a
 * level at most.
 * @param readTile gives a tile's bytes, width × 32 of them; its errors pass through
 */
export function rangeRoots(size: number, readTile: (tile: Tile) => Uint8Array): RangeRoot {
  const tiles = new Map<string, Uint8Array>();
  const tileAt = (level: number, index: number): Uint8Array => {
    const key = `${level}/${index}`;
    const tile = tiles.get(key) ?? readTile({ level, index, width: tileWidth(level, index, size) });
    tiles.set(key, tile);
    return tile;
  };
  /** The root of the 2^height leaves from `start` on, which is a multiple of that. */
  const perfectRoot = (start: number, height: number): Uint8Array => {
    const level = Math.floor(height / TILE_HEIGHT);
    const first = start / TILE_WIDTH ** level;
    const slot = first % TILE_WIDTH;
    const tile = tileAt(level, Math.floor(first / TILE_WIDTH));
    return rootOf(tile.subarray(slot * HASH_SIZE, (slot + 2 ** (height % TILE_HEIGHT)) * HASH_SIZE));
  };
  return (start, end) => {
    const tree = growingTree();
    for (let at = start; at < end;) {
      const height = Math.floor(Math.log2(end - at));
      tree.appendSubtree(perfectRoot(at, height), height);
      at += 2 ** height;
    }
    return tree.root();
  };
}

/** Calls `ask` with what gives roots over ranges of a log's leaves. */
export type AskRoots = <T>(ask: (rootOf: RangeRoot) => T) => Promise<T>;

/**
 * What `ask` makes of roots over ranges of leaves, where tiles take time to be read: `ask` is called
 * with blank hashes first, to see which tiles it needs, and must need the same whatever those hold.
 */
export async function withRangeRoots<T>(
  size: number,
  readTile: (tile: Tile) => Promise<Uint8Array>,
  ask: (rootOf: RangeRoot) => T,
): Promise<T> {
  const needed: Tile[] = [];
  ask(
    rangeRoots(size, (tile) => {
      needed.push(tile);
      return new Uint8Array(tile.width * HASH_SIZE);
    }),
  );
  const read = await Promise.all(needed.map(async (tile) => [tilePath(tile), await readTile(tile)] as const));
  const tiles = new Map(read);
  return ask(rangeRoots(size, (tile) => tiles.get(tilePath(tile)) as Uint8Array));
}
