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
/** Most mixtures of the sources within one tile whose roots are tried in the tile above. */
const MAX_MIXTURES = 16;

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
  const choices = choicesFrom(sources, trials);
  if (!proveTop(root, size, choices, proved, trials)) return { established: false, proved };
  for (let level = proved.levels.length - 1; level > 0; level--) {
    for (const index of blockIndexes(proved, level)) {
      for (let slot = 0; slot < TILE_WIDTH; slot++) {
        const place = index * TILE_WIDTH + slot;
        const hash = getHash(proved, level, place);
        if (hash !== undefined) proveTile(hash, level - 1, place, sources, choices, proved, trials);
      }
    }
  }
  buildUpwards(proved);
  return { established: true, proved };
}

interface Trials {
  left: number;
}

/** What a hash of the tree could be. */
type Choices = (level: number, index: number) => readonly Buffer[];

/**
 * What the sources say, and above tiles in which they differ a little, the roots of their mixtures:
 * where a tile, the bundle below and the tile above are all damaged, none of the sources has the
 * right hash for the tile above.
 */
function choicesFrom(sources: readonly HashTree[], trials: Trials): Choices {
  const mixed = new Map<string, Buffer[]>();
  const choices: Choices = (level, index) => {
    const said = candidates(sources, level, index);
    const more = mixed.get(`${level}/${index}`) ?? [];
    return [...said, ...more.filter((hash) => !said.some((other) => other.equals(hash)))];
  };
  const levels = Math.max(...sources.map((source) => source.levels.length));
  for (let level = 0; level < levels; level++) {
    const tiles = new Set(sources.flatMap((source) => blockIndexes(source, level)));
    for (const tile of tiles) {
      const slots = Array.from({ length: TILE_WIDTH }, (_, slot) => choices(level, tile * TILE_WIDTH + slot));
      const mixtures = slots.reduce((product, slot) => product * slot.length, 1);
      if (mixtures < 2 || mixtures > MAX_MIXTURES) continue;
      const roots: Buffer[] = [];
      settle(slots, trials, (hashes) => {
        roots.push(rootOf(Buffer.concat(hashes)));
        return false;
      });
      mixed.set(`${level + 1}/${tile}`, roots);
    }
  }
  return choices;
}

/** The tiles at the right edge hold every hash that the root is made of. */
function proveTop(
  root: Uint8Array,
  size: number,
  choices: Choices,
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
  const open = places.map(({ level, index }) => choices(level, index));
  const settled = settle(open, trials, (hashes) =>
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
  choices: Choices,
  proved: HashTree,
  trials: Trials,
): void {
  if (!sources.some((source) => source.levels[level]?.has(tile) === true)) return;
  const slots = Array.from({ length: TILE_WIDTH }, (_, slot) => choices(level, tile * TILE_WIDTH + slot));
  const settled = settle(slots, trials, (hashes) => rootOf(Buffer.concat(hashes)).equals(hash));
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
