import { EMPTY_ROOT, HASH_SIZE, nodeHash, splitPoint } from "./merkle.ts";

/**
 * Merkle proofs. One recursion serves inclusion (RFC 9162 section 2.1.3), consistency (2.1.4) and
 * subtrees (draft-ietf-plants-merkle-tree-certs section 4.4): all prove that the leaves from
 * `start` to before `end` stand in a tree of `size` leaves. A leaf is a subtree of one; an older
 * tree is the subtree that starts at 0.
 */

/** Gives the root over the leaves from `start` to before `end`; asked only for what a proof needs. */
export type RangeRoot = (start: number, end: number) => Uint8Array;

/** A range of leaves is a subtree where `start` is a multiple of the power of two that its length fills. */
export function isSubtree(start: number, end: number): boolean {
  if (![start, end].every((n) => Number.isSafeInteger(n) && n >= 0) || start > end) return false;
  let width = 1;
  while (width < end - start) width *= 2;
  return start % width === 0;
}

/**
 * The proof that the subtree [start, end) is part of the tree of `size` leaves: hashes from the
 * lowest level up. Empty where the subtree is the whole tree, or empty itself.
 * @throws RangeError where that is no subtree of that tree
 */
export function subtreeProof(start: number, end: number, size: number, rootOf: RangeRoot): Uint8Array[] {
  if (!isSubtree(start, end) || !Number.isSafeInteger(size) || end > size) {
    throw new RangeError(`[${start}, ${end}) is no subtree of a tree of ${size} leaves`);
  }
  const proof: Uint8Array[] = [];
  if (start < end) collect({ start, end }, 0, size, true, rootOf, proof);
  return proof;
}

function collect(
  sub: { readonly start: number; readonly end: number },
  low: number,
  high: number,
  known: boolean,
  rootOf: RangeRoot,
  proof: Uint8Array[],
): void {
  if (sub.start === low && sub.end === high) {
    if (!known) proof.push(rootOf(low, high));
    return;
  }
  const middle = low + splitPoint(high - low);
  if (sub.end <= middle) {
    collect(sub, low, middle, known, rootOf, proof);
    proof.push(rootOf(middle, high));
  } else {
    const inRight = sub.start >= middle;
    collect(inRight ? sub : { ...sub, start: middle }, middle, high, known && inRight, rootOf, proof);
    proof.push(rootOf(low, middle));
  }
}

/** The proof that leaf `index` is in the tree of `size` leaves. @throws RangeError unless index < size */
export function inclusionProof(index: number, size: number, rootOf: RangeRoot): Uint8Array[] {
  return subtreeProof(index, index + 1, size, rootOf);
}

/** The proof that the tree of `size2` leaves extends that of `size1`. @throws RangeError unless size1 <= size2 */
export function consistencyProof(size1: number, size2: number, rootOf: RangeRoot): Uint8Array[] {
  return subtreeProof(0, size1, size2, rootOf);
}

/**
 * Whether `proof` shows that the subtree [start, end) with root `subRoot` is part of the tree of
 * `size` leaves with root `root`. Every hash of the proof must be used.
 */
export function verifySubtree(
  start: number,
  end: number,
  size: number,
  proof: readonly Uint8Array[],
  subRoot: Uint8Array,
  root: Uint8Array,
): boolean {
  if (!isSubtree(start, end) || !Number.isSafeInteger(size) || end > size) return false;
  // Nothing is part of every tree, whatever that tree's root.
  if (start === end) return proof.length === 0 && same(subRoot, EMPTY_ROOT);
  // the tree itself: there is nothing to hash
  if (start === 0 && end === size) return proof.length === 0 && same(subRoot, root);
  if (![...proof, subRoot].every((hash) => hash.length === HASH_SIZE)) return false;
  const rest = proof.values();
  const roots = climb({ start, end }, 0, size, subRoot, rest);
  return (
    roots !== undefined && rest.next().done === true && same(roots.sub, subRoot) && same(roots.whole, root)
  );
}

/** Roots that the proof leads to: of the subtree's part of [low, high), and of all of it. */
function climb(
  sub: { readonly start: number; readonly end: number },
  low: number,
  high: number,
  known: Uint8Array | undefined,
  rest: Iterator<Uint8Array>,
): { readonly sub: Uint8Array; readonly whole: Uint8Array } | undefined {
  if (sub.start === low && sub.end === high) {
    const hash = known ?? next(rest);
    return hash === undefined ? undefined : { sub: hash, whole: hash };
  }
  const middle = low + splitPoint(high - low);
  const inLeft = sub.end <= middle;
  const inRight = sub.start >= middle;
  const below = inLeft
    ? climb(sub, low, middle, known, rest)
    : climb(inRight ? sub : { ...sub, start: middle }, middle, high, inRight ? known : undefined, rest);
  const sibling = next(rest);
  if (below === undefined || sibling === undefined) return undefined;
  if (inLeft) return { sub: below.sub, whole: nodeHash(below.whole, sibling) };
  return {
    sub: inRight ? below.sub : nodeHash(sibling, below.sub),
    whole: nodeHash(sibling, below.whole),
  };
}

/** Whether leaf `index`, by its hash, is in the tree of `size` leaves with that root. */
export function verifyInclusion(
  index: number,
  size: number,
  proof: readonly Uint8Array[],
  leaf: Uint8Array,
  root: Uint8Array,
): boolean {
  return leaf.length === HASH_SIZE && verifySubtree(index, index + 1, size, proof, leaf, root);
}

/** The same within the subtree [start, end) with root `subRoot`. */
export function verifySubtreeInclusion(
  index: number,
  start: number,
  end: number,
  proof: readonly Uint8Array[],
  leaf: Uint8Array,
  subRoot: Uint8Array,
): boolean {
  return (
    isSubtree(start, end) &&
    index >= start &&
    index < end &&
    verifyInclusion(index - start, end - start, proof, leaf, subRoot)
  );
}

/**
 * Whether the tree of `size2` leaves extends that of `size1`. From the empty tree there is nothing
 * to prove, so `size1` 0 is false: whoever starts there needs no proof.
 */
export function verifyConsistency(
  size1: number,
  size2: number,
  proof: readonly Uint8Array[],
  root1: Uint8Array,
  root2: Uint8Array,
): boolean {
  return size1 > 0 && verifySubtree(0, size1, size2, proof, root1, root2);
}

function next(rest: Iterator<Uint8Array>): Uint8Array | undefined {
  const { done, value } = rest.next();
  return done === true ? undefined : value;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
