import { FleetsecError } from "../errors.ts";
import { numberPath } from "./layout.ts";
import { growingTree, type GrowingTree, HASH_SIZE } from "./merkle.ts";

/** Tiles and entry bundles of C2SP tlog-tiles: 256 hashes, or entries, each. */
export const TILE_WIDTH = 256;
const TILE_HEIGHT = 8;

/** The longest entry that a bundle can hold: its length is a uint16. */
export const MAX_ENTRY = 0xffff;

export interface Tile {
  /** 0 holds leaf hashes; each level above, the roots of the full tiles below. */
  readonly level: number;
  readonly index: number;
  /** Hashes in it: 256, or 1 to 255 in a partial tile. */
  readonly width: number;
}

export function tilePath({ level, index, width }: Tile): string {
  return `tile/${level}/${widthPath(index, width)}`;
}

/** The path of the entry bundle beside level 0's tile of that index and width. */
export function bundlePath(index: number, width: number): string {
  return `tile/entries/${widthPath(index, width)}`;
}

function widthPath(index: number, width: number): string {
  return `${numberPath(index)}${width === TILE_WIDTH ? "" : `.p/${width}`}`;
}

/** Hashes at `level` in a tree of `size` leaves: the full tiles of the level below. */
export function levelSize(level: number, size: number): number {
  return Math.floor(size / TILE_WIDTH ** level);
}

/** How many hashes the tile holds in a tree of `size` leaves; 0 where that tree has no such tile. */
export function tileWidth(level: number, index: number, size: number): number {
  return Math.min(TILE_WIDTH, Math.max(0, levelSize(level, size) - index * TILE_WIDTH));
}

/** Every tile of a tree of `size` leaves; with `from`, only those that the tree of `from` leaves lacks. */
export function* tilesOf(size: number, from = 0): Generator<Tile> {
  for (let level = 0; levelSize(level, size) > 0; level += 1) {
    const before = levelSize(level, from);
    if (before === levelSize(level, size)) continue;
    for (let index = Math.floor(before / TILE_WIDTH); tileWidth(level, index, size) > 0; index += 1) {
      yield { level, index, width: tileWidth(level, index, size) };
    }
  }
}

/** The rightmost tile of each level that is not full, from the lowest level: what a tree grows from. */
export function partialTilesOf(size: number): Tile[] {
  const tiles: Tile[] = [];
  for (let level = 0; levelSize(level, size) > 0; level += 1) {
    const width = levelSize(level, size) % TILE_WIDTH;
    if (width > 0) tiles.push({ level, index: Math.floor(levelSize(level, size) / TILE_WIDTH), width });
  }
  return tiles;
}

/**
 * The tree of `size` leaves from its partial tiles alone: those hold the roots of every perfect
 * subtree that its root is made of.
 * @param read gives a tile's bytes, width × 32 of them
 */
export function treeFromTiles(size: number, read: (tile: Tile) => Uint8Array): GrowingTree {
  const tree = growingTree();
  for (const tile of partialTilesOf(size).toReversed()) {
    const hashes = read(tile);
    for (let i = 0; i < tile.width; i += 1) {
      tree.appendSubtree(hashes.subarray(i * HASH_SIZE, (i + 1) * HASH_SIZE), tile.level * TILE_HEIGHT);
    }
  }
  return tree;
}

/** Entries as a bundle: each a uint16 length, big-endian, and its bytes. @throws RangeError on one too long */
export function encodeBundle(entries: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    entries.flatMap((entry) => {
      if (entry.length > MAX_ENTRY) throw new RangeError(`an entry has at most ${MAX_ENTRY} bytes`);
      return [Buffer.of(entry.length >> 8, entry.length & 0xff), entry];
    }),
  );
}

/**
 * The entries of a bundle, which must be exactly `count` and end with the bytes. They share memory
 * with `bytes`.
 * @throws FleetsecError `input`
 */
export function parseBundle(bytes: Uint8Array, count: number): Uint8Array[] {
  const entries: Uint8Array[] = [];
  let offset = 0;
  while (entries.length < count) {
    if (offset + 2 > bytes.length) throw malformed(`it ends before entry ${entries.length}`);
    const end = offset + 2 + ((bytes[offset] as number) << 8) + (bytes[offset + 1] as number);
    if (end > bytes.length) throw malformed(`entry ${entries.length} is cut short`);
    entries.push(bytes.subarray(offset + 2, end));
    offset = end;
  }
  if (offset < bytes.length) throw malformed(`${bytes.length - offset} bytes follow its last entry`);
  return entries;
}

function malformed(detail: string): FleetsecError {
  return new FleetsecError("input", `malformed entry bundle: ${detail}`);
}
