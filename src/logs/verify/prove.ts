import { rootOf } from "../merkle.ts";
import { TILE_WIDTH, partialTilesOf, treeFromTiles } from "../tiles.ts";
import {
  blockIndexes,
  buildUpwards,
  candidates,
  emptyHashTree,
  getHash,
  type HashTree,
  rootAt,
  setHash,
} from "./hash-tree.ts";

/** What a signed root proves of the hashes that a store gives. */
export interface Proof {
  /** Whether hashes were found that make the root. */
  readonly established: boolean;
  /** Hashes that the root proves. */
  readonly proved: HashTree;
}

/** Most combinations that are tried for one tile, and in all. Each costs up to 255 hashes. */
const MAX_COMBINATIONS = 1024;
const MAX_TRIALS = 20_000;

/**
 * Finds the hashes that make the signed root, from several sources of which each may be damaged:
 * the entry bundles, the tiles, older partial tiles. The root proves the top of the tree; each
 * proved hash then proves the tile below it.
 * @param sources hash trees of the same log, the most likely first; the first decides at no further
 *   cost where it makes the root alone
 */
export function proveHashes(root: Uint8Array, size: number, sources: readonly HashTree[]): Proof {
  const [first] = sources;
  if (first === undefined) return { established: false, proved: emptyHashTree() };
  if (rootAt(first, size)?.equals(root) === true) return { established: true, proved: first };
  const trials = { left: MAX_TRIALS };
  const proved = emptyHashTree();
  if (!proveTop(root, size, sources, proved, trials)) return { established: false, proved };
  for (let level = proved.levels.length - 1; level > 0; level--) {
    for (const index of blockIndexes(proved, level)) {
      for (let slot = 0; slot < TILE_WIDTH; slot++) {
        const place = index * TILE_WIDTH + slot;
        const hash = getHash(proved, level, place);
        if (hash !== undefined) proveTile(hash, level - 1, place, sources, proved, trials);
      }
    }
  }
  buildUpwards(proved);
  return { established: true, proved };
}

interface Trials {
  left: number;
}

/** The tiles at the right edge hold every hash that the root is made of. */
function proveTop(
  root: Uint8Array,
  size: number,
  sources: readonly HashTree[],
  proved: HashTree,
  trials: Trials,
): boolean {
  const tiles = partialTilesOf(size);
  const starts = new Map<number, number>();
  const places: { readonly level: number; readonly index: number }[] = [];
  for (const { level, index, width } of tiles) {
    starts.set(level, places.length);
    for (let slot = 0; slot < width; slot++) places.push({ level, index: index * TILE_WIDTH + slot });
  }
  const choices = places.map(({ level, index }) => candidates(sources, level, index));
  const settled = settle(choices, trials, (hashes) =>
    treeFromTiles(size, ({ level, width }) => {
      const start = starts.get(level) ?? 0;
      return Buffer.concat(hashes.slice(start, start + width));
    })
      .root()
      .equals(root),
  );
  settled?.forEach((hash, i) => {
    const { level, index } = places[i] as (typeof places)[number];
    setHash(proved, level, index, hash);
  });
  return settled !== undefined;
}

function proveTile(
  hash: Uint8Array,
  level: number,
  tile: number,
  sources: readonly HashTree[],
  proved: HashTree,
  trials: Trials,
): void {
  if (!sources.some((source) => source.levels[level]?.has(tile) === true)) return;
  const choices = Array.from({ length: TILE_WIDTH }, (_, slot) =>
    candidates(sources, level, tile * TILE_WIDTH + slot),
  );
  const settled = settle(choices, trials, (hashes) => rootOf(Buffer.concat(hashes)).equals(hash));
  settled?.forEach((found, slot) => setHash(proved, level, tile * TILE_WIDTH + slot, found));
}

/** The combination that fits, one hash of each choice: those near the first source come first. */
function settle(
  choices: readonly (readonly Buffer[])[],
  trials: Trials,
  fits: (hashes: readonly Buffer[]) => boolean,
): readonly Buffer[] | undefined {
  if (choices.some((choice) => choice.length === 0)) return undefined;
  const open = choices.flatMap((choice, i) => (choice.length > 1 ? [i] : []));
  const combinations = open.reduce((product, i) => product * (choices[i]?.length ?? 1), 1);
  const picks =
    combinations <= MAX_COMBINATIONS ? allPicks(choices, open) : [choices.map(() => 0), choices.map(() => 1)];
  for (const pick of picks) {
    if (trials.left-- <= 0) return undefined;
    const hashes = choices.map((choice, i) => (choice[pick[i] ?? 0] ?? choice[0]) as Buffer);
    if (fits(hashes)) return hashes;
  }
  return undefined;
}

/** Counts through the open choices like an odometer. */
function* allPicks(choices: readonly (readonly Buffer[])[], open: readonly number[]): Generator<number[]> {
  const pick = choices.map(() => 0);
  for (;;) {
    yield pick;
    const next = open.find((i) => (pick[i] ?? 0) + 1 < (choices[i]?.length ?? 1));
    if (next === undefined) return;
    for (const i of open) {
      if (i === next) break;
      pick[i] = 0;
    }
    pick[next] = (pick[next] ?? 0) + 1;
  }
}
