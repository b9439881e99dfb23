import { lowerBound } from "../lower-bound.ts";

/**
 * How a sequence of digests differs from the signed one. Positions are 0-based: `from` counts in
 * the signed sequence, `at` in the one that was found.
 */
export type Edit =
  | { readonly kind: "altered"; readonly from: number; readonly at: number }
  /** `at` is where it should stand. */
  | { readonly kind: "deleted"; readonly from: number; readonly at: number }
  | { readonly kind: "inserted"; readonly at: number }
  /** A further copy of the signed item `from`. */
  | { readonly kind: "duplicated"; readonly from: number; readonly at: number }
  | { readonly kind: "moved"; readonly from: number; readonly at: number };

/** Bytes of one digest. */
const WIDTH = 32;
/** Most signed places that one found digest is tried at; bounds the cost where many lines are equal. */
const MAX_CANDIDATES = 16;

/**
 * Aligns what was found with what was signed, both as concatenated 32-byte digests. The longest
 * common subsequence stays in place (Hunt and Szymanski 1977); what is left is explained as moved,
 * copied, altered, deleted or inserted. Takes O(n log n) time whatever the input.
 * @returns the edits in order of `at`
 */
export function align(signed: Buffer, found: Buffer): Edit[] {
  const signedCount = signed.length / WIDTH;
  const foundCount = found.length / WIDTH;
  const prefix = commonPrefix(signed, found, Math.min(signedCount, foundCount));
  const suffix = commonSuffix(signed, found, Math.min(signedCount, foundCount) - prefix);
  const names = new Map<string, number>();
  const middle: Middle = {
    start: prefix,
    signed: intern(signed, prefix, signedCount - suffix, names),
    found: intern(found, prefix, foundCount - suffix, names),
  };
  if (middle.signed.length === 0 && middle.found.length === 0) return [];
  const moves = new Map<number, number>();
  const stable = matchInOrder(middle);
  matchMoved(middle, stable, moves);
  completeSwaps(stable, moves);
  return explain(middle, stable, moves, copyFinder(signed, found));
}

/** Where each signed item stands after the edits; -1 where it was deleted. */
export function placesAfter(edits: readonly Edit[], signedCount: number, foundCount: number): Int32Array {
  const places = new Int32Array(signedCount).fill(-2);
  const taken = new Uint8Array(foundCount);
  for (const edit of edits) {
    if (edit.kind === "deleted") {
      places[edit.from] = -1;
      continue;
    }
    taken[edit.at] = 1;
    if (edit.kind === "altered" || edit.kind === "moved") places[edit.from] = edit.at;
  }
  let next = 0;
  for (let from = 0; from < signedCount; from++) {
    if (places[from] !== -2) continue;
    while (taken[next] === 1) next += 1;
    places[from] = next++;
  }
  return places;
}

/** What is left between the common prefix and the common suffix, digests named by number. */
interface Middle {
  readonly start: number;
  readonly signed: Int32Array;
  readonly found: Int32Array;
}

function commonPrefix(a: Buffer, b: Buffer, limit: number): number {
  const differs = (n: number) => a.compare(b, 0, n * WIDTH, 0, n * WIDTH) !== 0;
  return lowerBound(limit, (n) => differs(n + 1));
}

function commonSuffix(a: Buffer, b: Buffer, limit: number): number {
  const differs = (n: number) =>
    a.compare(b, b.length - n * WIDTH, b.length, a.length - n * WIDTH, a.length) !== 0;
  return lowerBound(limit, (n) => differs(n + 1));
}

function intern(digests: Buffer, from: number, to: number, names: Map<string, number>): Int32Array {
  const result = new Int32Array(to - from);
  for (let i = from; i < to; i++) {
    const digest = digests.toString("latin1", i * WIDTH, (i + 1) * WIDTH);
    let name = names.get(digest);
    if (name === undefined) names.set(digest, (name = names.size));
    result[i - from] = name;
  }
  return result;
}

/** Positions of each name, ascending. */
function positions(names: Int32Array): Map<number, number[]> {
  const result = new Map<number, number[]>();
  names.forEach((name, i) => {
    const list = result.get(name);
    if (list === undefined) result.set(name, [i]);
    else list.push(i);
  });
  return result;
}

/**
 * For each found item the signed one that it is where both stay in place; -1 for none. Where most
 * stand at the number that they had, that is the better explanation: of two that were swapped, both
 * are out of place.
 */
function matchInOrder(middle: Middle): Int32Array {
  const { signed, found } = middle;
  const subsequence = longestCommonSubsequence(middle);
  if (signed.length !== found.length) return subsequence;
  const inPlace = found.map((name, i) => (name === signed[i] ? i : -1));
  const displaced = (match: Int32Array) => match.reduce((count, place) => (place < 0 ? count + 1 : count), 0);
  return displaced(inPlace) <= displaced(subsequence) ? inPlace : subsequence;
}

/** For each found item the signed one that it is, in an order-keeping matching of greatest size; -1 for none. */
function longestCommonSubsequence({ signed, found }: Middle): Int32Array {
  const places = positions(signed);
  // Patience sorting: tails[k] is the node that ends the best chain of k + 1 matches.
  const tails: number[] = [];
  const nodes: { readonly s: number; readonly f: number; readonly previous: number }[] = [];
  found.forEach((name, f) => {
    const candidates = nearest(places.get(name) ?? [], f, signed.length - found.length + f);
    for (let i = candidates.length - 1; i >= 0; i--) {
      const s = candidates[i] as number;
      const length = lowerBound(tails.length, (k) => (nodes[tails[k] as number]?.s as number) >= s);
      // an equal tail was found earlier: the first of several equal lines keeps its place
      if (length < tails.length && nodes[tails[length] as number]?.s === s) continue;
      nodes.push({ s, f, previous: length === 0 ? -1 : (tails[length - 1] as number) });
      tails[length] = nodes.length - 1;
    }
  });
  const match = new Int32Array(found.length).fill(-1);
  for (let node = nodes[tails.at(-1) ?? -1]; node !== undefined; node = nodes[node.previous]) {
    match[node.f] = node.s;
  }
  return match;
}

/** At most MAX_CANDIDATES of the ascending places: those nearest to where the item would stand. */
function nearest(places: readonly number[], fromStart: number, fromEnd: number): readonly number[] {
  if (places.length <= MAX_CANDIDATES) return places;
  const half = MAX_CANDIDATES / 2;
  const around = (place: number) => {
    const at = lowerBound(places.length, (i) => (places[i] as number) >= place);
    const begin = Math.max(0, Math.min(at - half / 2, places.length - half));
    return places.slice(begin, begin + half);
  };
  return [...new Set([...around(fromStart), ...around(fromEnd)])].sort((a, b) => a - b);
}

/** Pairs what lost its place with where it now stands: `moves` maps found to signed positions. */
function matchMoved({ signed, found }: Middle, stable: Int32Array, moves: Map<number, number>): void {
  const taken = new Set(stable);
  const homeless = new Map<number, number[]>();
  for (let s = signed.length - 1; s >= 0; s--) {
    if (taken.has(s)) continue;
    const name = signed[s] as number;
    const list = homeless.get(name);
    if (list === undefined) homeless.set(name, [s]);
    else list.push(s);
  }
  found.forEach((name, f) => {
    if (stable[f] !== -1) return;
    const s = homeless.get(name)?.pop();
    if (s !== undefined) moves.set(f, s);
  });
}

/**
 * Of two neighbours that changed places, one is in the common subsequence and the other is not.
 * Neither stands where it was signed, so both are moved.
 */
function completeSwaps(stable: Int32Array, moves: Map<number, number>): void {
  const shifts = shiftsBefore(stable);
  for (const [f, s] of Array.from(moves)) {
    for (const neighbour of [f - 1, f + 1]) {
      const partner = stable[neighbour];
      if (partner === undefined || partner === -1) continue;
      const shift = shifts[Math.min(f, neighbour)] ?? 0;
      if (s + shift !== neighbour || partner + shift !== f) continue;
      stable[neighbour] = -1;
      moves.set(neighbour, partner);
      break;
    }
  }
}

/** By how much the nearest item in place before each found one is shifted; 0 before the first. */
function shiftsBefore(stable: Int32Array): Int32Array {
  const shifts = new Int32Array(stable.length);
  for (let f = 1; f < stable.length; f++) {
    const before = stable[f - 1] as number;
    shifts[f] = before === -1 ? (shifts[f - 1] as number) : f - 1 - before;
  }
  return shifts;
}

/** A signed item whose digest is that of the found one, the nearest before it first. */
type CopyFinder = (at: number) => number | undefined;

function copyFinder(signed: Buffer, found: Buffer): CopyFinder {
  let index: Map<string, number> | undefined;
  return (at) => {
    if (index === undefined) {
      index = new Map();
      for (let i = signed.length / WIDTH - 1; i >= 0; i--) {
        index.set(signed.toString("latin1", i * WIDTH, (i + 1) * WIDTH), i);
      }
    }
    return index.get(found.toString("latin1", at * WIDTH, (at + 1) * WIDTH));
  };
}

/** Walks both sequences from one item in place to the next and names what lies between. */
function explain(
  { start, signed, found }: Middle,
  stable: Int32Array,
  moves: ReadonlyMap<number, number>,
  copyOf: CopyFinder,
): Edit[] {
  const edits: Edit[] = [];
  const movedAway = new Set(moves.values());
  let s = 0;
  let surplus: number[] = [];
  const closeGap = (untilSigned: number, untilFound: number) => {
    const replaced = surplus;
    let next = 0;
    for (; s < untilSigned; s++) {
      if (movedAway.has(s)) continue;
      const at = replaced[next++];
      edits.push(
        at === undefined
          ? { kind: "deleted", from: start + s, at: start + untilFound }
          : { kind: "altered", from: start + s, at: start + at },
      );
    }
    for (const at of replaced.slice(next)) edits.push({ kind: "inserted", at: start + at });
    surplus = [];
  };
  for (let f = 0; f < found.length; f++) {
    const match = stable[f] as number;
    if (match !== -1) {
      closeGap(match, f);
      s = match + 1;
      continue;
    }
    const from = moves.get(f);
    if (from !== undefined) {
      edits.push({ kind: "moved", from: start + from, at: start + f });
      continue;
    }
    const copied = copyOf(start + f);
    if (copied === undefined) surplus.push(f);
    else edits.push({ kind: "duplicated", from: copied, at: start + f });
  }
  closeGap(signed.length, found.length);
  return edits.sort((a, b) => a.at - b.at || rank(a) - rank(b));
}

function rank(edit: Edit): number {
  return edit.kind === "deleted" ? edit.from - Number.MAX_SAFE_INTEGER : 0;
}
