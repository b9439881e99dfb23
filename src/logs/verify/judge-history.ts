import { CHECKPOINT } from "../layout.ts";
import { HASH_SIZE } from "../merkle.ts";
import { MAX_NOTE_SIZE } from "../note.ts";
import type { Anchor } from "./anchors.ts";
import type { Finding, Findings } from "./finding.ts";
import { getHash, type HashTree, rootsAt } from "./hash-tree.ts";
import { type History, reportEquivocation, type SignedRoot } from "./history.ts";
import type { Pace } from "./pace.ts";
import type { StoreReader } from "./store.ts";

export interface HistorySource {
  readonly reader: StoreReader;
  readonly history: History;
  readonly anchors: readonly Anchor[];
  /** Leaf hashes that the auditor kept of an earlier tree. */
  readonly keptLeaves: Buffer | undefined;
  /** The tree that the store is held to. */
  readonly size: number;
  readonly tree: HashTree;
  /** Whether its leaves make the signed root; undefined where no root is signed. */
  readonly established: boolean | undefined;
  readonly findings: Findings;
  readonly pace: Pace;
}

/**
 * Every checkpoint that the log ever signed must be a beginning of this tree.
 * @returns the anchors of which that was established
 */
export async function judgeHistory(source: HistorySource): Promise<Anchor[]> {
  const { history, anchors, size, tree } = source;
  const sizes = [...new Set([...history.stored, ...anchors].map((one) => one.size))]
    .filter((at) => at <= size)
    .sort((a, b) => a - b);
  const roots = await rootsAt(tree, sizes, source.pace);
  const holds: Holds = (one) => roots.get(one.size)?.equals(one.root);
  reportUnproved(source, holds);
  reportStored(source, holds);
  const byAnchors = differingLeaf(source, holds, anchors, size);
  const storedOf = bySize(history);
  const held: Anchor[] = [];
  for (const anchor of anchors) {
    const stored = storedOf.get(anchor.size) ?? [];
    await reportEquivocationWith(source, anchor, stored);
    if (anchor.size > 0 && judgeAnchor(source, anchor, holds(anchor), stored, byAnchors)) held.push(anchor);
  }
  return held;
}

type Holds = (one: { readonly size: number; readonly root: Uint8Array }) => boolean | undefined;

/** The first leaf that is not the one that was signed: exact, or within a range of leaves. */
type Differing = Pick<Finding, "seq" | "from" | "to">;

function nameOf({ seq, from, to }: Differing): string {
  return seq === undefined ? `one of leaves ${from} to ${to}` : `leaf ${seq}`;
}

/** By what nobody but the auditor keeps; beside it what the store says, which was signed anew if its tree was. */
function placeOf(source: HistorySource, holds: Holds, before: number): { at: Differing; text: string } {
  const { history, anchors } = source;
  const at = differingLeaf(source, holds, anchors, before);
  const own = nameOf(differingLeaf(source, holds, [...history.stored, ...anchors], before));
  const name = nameOf(at);
  const hint = own === name ? "" : ` (${own}, if the store's own checkpoints were not signed anew)`;
  return { at, text: `; the first that differs is ${name}${hint}` };
}

/**
 * By the leaf hashes that the auditor kept; else between the sizes whose roots still hold and those
 * that do not.
 * @param trusted the checkpoints that say something of it
 * @param before the size of one that does not hold
 */
function differingLeaf(
  source: HistorySource,
  holds: Holds,
  trusted: readonly { readonly size: number; readonly root: Uint8Array }[],
  before: number,
): Differing {
  const kept = differingFromKept(source);
  if (kept !== undefined) return { seq: kept };
  const to = trusted.reduce(
    (least, one) => (holds(one) === false ? Math.min(least, one.size) : least),
    before,
  );
  const from = trusted.reduce(
    (most, one) => (one.size < to && holds(one) === true ? Math.max(most, one.size) : most),
    0,
  );
  return from === to - 1 ? { seq: from } : { from, to: to - 1 };
}

function differingFromKept({ keptLeaves, size, tree }: HistorySource): number | undefined {
  for (let leaf = 0; leaf * HASH_SIZE < (keptLeaves?.length ?? 0) && leaf < size; leaf++) {
    const kept = keptLeaves?.subarray(leaf * HASH_SIZE, (leaf + 1) * HASH_SIZE);
    const now = getHash(tree, 0, leaf);
    if (now !== undefined && kept?.equals(now) === false) return leaf;
  }
  return undefined;
}

/** Leaves that do not make the root that was signed. */
function reportUnproved(source: HistorySource, holds: Holds): void {
  const { established, findings, size } = source;
  if (established !== false) return;
  const { at, text } = placeOf(source, holds, size);
  findings.add({
    code: "LEAF_MISMATCH",
    ...at,
    detail: `the leaves do not make the root that was signed${text}`,
  });
}

/** Checkpoints in the store that this tree contradicts. Of many, the first says it all. */
function reportStored(source: HistorySource, holds: Holds): void {
  const { history, established, findings } = source;
  if (established !== true) return;
  const broken = history.stored.filter((one) => holds(one) === false && one.size !== history.current?.size);
  const first = broken[0];
  if (first === undefined) return;
  const { at, text } = placeOf(source, holds, first.size);
  findings.add({
    code: "INCONSISTENT_WITH_ANCHOR",
    ...at,
    path: first.path,
    detail: `the log signed another tree of size ${first.size}${
      broken.length > 1 ? `, and ${broken.length - 1} more` : ""
    }${text}`,
    expected: Buffer.from(first.root).toString("hex"),
  });
}

/** Whether the anchor holds; reports it where it does not. */
function judgeAnchor(
  source: HistorySource,
  anchor: Anchor,
  held: boolean | undefined,
  stored: readonly SignedRoot[],
  differing: Differing,
): boolean {
  if (held === true) return source.established === true;
  // it agrees with what the store's keeper signed: the leaves are at fault, and reported
  if (source.established === false && stored.some((one) => sameRoot(one, anchor))) return false;
  // of a tree that is larger than what is left, only the kept leaves can be compared
  const rewritten = anchor.kind === "kept" && differingFromKept(source) !== undefined;
  if (held === false || rewritten) {
    source.findings.add({
      code: "INCONSISTENT_WITH_ANCHOR",
      ...differing,
      path: anchor.source,
      detail: `the log is not a continuation of its checkpoint of size ${anchor.size}; the first that differs is ${nameOf(differing)}`,
      expected: Buffer.from(anchor.root).toString("hex"),
    });
  }
  return false;
}

function bySize({ current, stored }: History): Map<number, SignedRoot[]> {
  const sizes = new Map<number, SignedRoot[]>();
  const all = current === undefined ? stored : [{ ...current, path: CHECKPOINT }, ...stored];
  for (const one of all) sizes.set(one.size, [...(sizes.get(one.size) ?? []), one]);
  return sizes;
}

/** Reports where the store has a signed checkpoint of the anchor's size with another root. */
async function reportEquivocationWith(
  { reader, findings }: HistorySource,
  anchor: Anchor,
  stored: readonly SignedRoot[],
): Promise<void> {
  // where the store has the anchor's root too, it contradicts itself, which is reported
  const other = stored.some((one) => sameRoot(one, anchor)) ? undefined : stored[0];
  const note = other === undefined ? undefined : await reader.read(other.path, MAX_NOTE_SIZE);
  if (other === undefined || note === undefined) return;
  reportEquivocation(findings, anchor.size, other.path, note.toString("utf8"), anchor.source, anchor.note());
}

function sameRoot(a: { readonly root: Uint8Array }, b: { readonly root: Uint8Array }): boolean {
  return Buffer.compare(a.root, b.root) === 0;
}
