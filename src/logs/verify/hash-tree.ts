import { type GrowingTree, growingTree, HASH_SIZE, MAX_TREES, rootOf, rootsOfPeaks } from "../merkle.ts";
import { partialTilesOf, TILE_WIDTH, treeFromTiles } from "../tiles.ts";
import type { Pace } from "./pace.ts";

/** The hashes of one tile's place, of which some may not be known. */
interface HashBlock {
  readonly hashes: Buffer;
  readonly known: Uint8Array;
}

/** Hashes of a tree by tile level and index, as far as they are known. */
export interface HashTree {
  readonly levels: Map<number, HashBlock>[];
}

export function emptyHashTree(): HashTree {
  return { levels: [] };
}

export function setHash(tree: HashTree, level: number, index: number, hash: Uint8Array): void {
  while (tree.levels.length <= level) tree.levels.push(new Map());
  const blocks = tree.levels[level] as Map<number, HashBlock>;
  const at = Math.floor(index / TILE_WIDTH);
  let block = blocks.get(at);
  if (block === undefined) {
    block = { hashes: Buffer.alloc(TILE_WIDTH * HASH_SIZE), known: new Uint8Array(TILE_WIDTH) };
    blocks.set(at, block);
  }
  const slot = index % TILE_WIDTH;
  block.hashes.set(hash, slot * HASH_SIZE);
  block.known[slot] = 1;
}

export function getHash(tree: HashTree, level: number, index: number): Buffer | undefined {
  const block = tree.levels[level]?.get(Math.floor(index / TILE_WIDTH));
  const slot = index % TILE_WIDTH;
  if (block?.known[slot] !== 1) return undefined;
  return block.hashes.subarray(slot * HASH_SIZE, (slot + 1) * HASH_SIZE);
}

/** The hashes of a tile's place, where the first `width` are all known. */
export function knownTile(tree: HashTree, level: number, index: number, width: number): Buffer | undefined {
  const block = tree.levels[level]?.get(index);
  if (block === undefined || block.known.subarray(0, width).includes(0)) return undefined;
  return block.hashes.subarray(0, width * HASH_SIZE);
}

/** Indexes of the places of a level of which anything is known, ascending. */
export function blockIndexes(tree: HashTree, level: number): number[] {
  return [...(tree.levels[level]?.keys() ?? [])].sort((a, b) => a - b);
}

/** Adds the levels above level 0 as far as the hashes below are known. */
export function buildUpwards(tree: HashTree): void {
  for (let level = 0; level < tree.levels.length; level++) {
    for (const index of blockIndexes(tree, level)) {
      const full = knownTile(tree, level, index, TILE_WIDTH);
      if (full !== undefined) setHash(tree, level + 1, index, rootOf(full));
    }
  }
}

/** The root of the first `size` leaves, where the hashes it is made of are known. */
export function rootAt(tree: HashTree, size: number): Buffer | undefined {
  const tiles = partialTilesOf(size);
  if (tiles.some(({ level, index, width }) => knownTile(tree, level, index, width) === undefined)) {
    return undefined;
  }
  return treeFromTiles(
    size,
    ({ level, index, width }) => knownTile(tree, level, index, width) as Buffer,
  ).root();
}

/**
 * The roots at those sizes, which ascend, as far as every leaf before them is known. One pass over
 * the leaves, however many sizes.
 */
export async function rootsAt(
  tree: HashTree,
  sizes: readonly number[],
  pace: Pace,
): Promise<Map<number, Buffer>> {
  const roots = new Map<number, Buffer>();
  const growing = growingTree();
  for (let from = 0; from < sizes.length; from += MAX_TREES) {
    await pace();
    const peaks = peaksAt(tree, growing, sizes.slice(from, from + MAX_TREES));
    const hashes = rootsOfPeaks(peaks);
    for (const i of peaks.keys()) {
      roots.set(sizes[from + i] as number, hashes.subarray(i * HASH_SIZE, (i + 1) * HASH_SIZE));
    }
  }
  return roots;
}

/** The peaks at those sizes, up to the first of which a leaf is not known. */
function peaksAt(tree: HashTree, growing: GrowingTree, sizes: readonly number[]): Uint8Array[][] {
  const peaks: Uint8Array[][] = [];
  for (const size of sizes) {
    while (growing.size() < size) {
      const leaf = getHash(tree, 0, growing.size());
      if (leaf === undefined) return peaks;
      growing.append(leaf);
    }
    peaks.push(growing.peaks());
  }
  return peaks;
}

/** Distinct hashes that the sources give for one place, in the order of the sources. */
export function candidates(sources: readonly HashTree[], level: number, index: number): Buffer[] {
  const distinct: Buffer[] = [];
  for (const source of sources) {
    const hash = getHash(source, level, index);
    if (hash !== undefined && !distinct.some((other) => other.equals(hash))) distinct.push(hash);
  }
  return distinct;
}
