import { formatDuration } from "../../duration.ts";
import { FleetsecError } from "../../errors.ts";
import { rootOf } from "../merkle.ts";
import { conclude, type ConcludeParts } from "./conclude.ts";
import type { Examination, HeldAnchor, Unread } from "./examination.ts";
import { joinFindings } from "./finding.ts";
import { absentKeys } from "./judge-keys.ts";
import { MAX_KEPT_LEAVES, readKept } from "./kept.ts";
import { type PartResult, trustDigest } from "./part-result.ts";
import { openCheckpoint, type SignedCheckpoint } from "./signed-checkpoint.ts";
import type { TimelineSpan } from "./timeline.ts";
import type { Trust } from "./trust.ts";
import type { BatchRange, Verification, VerifyRequest } from "./verification.ts";

/** A part's result and what to call it in messages. */
export interface NamedPart {
  readonly name: string;
  readonly result: PartResult;
}

export interface MergeRequest extends Pick<VerifyRequest, "trust" | "allKeys" | "state" | "allowUnanchored"> {
  /** The version of this program. */
  readonly version: string;
  /** Seconds since a part began after which it is no evidence any more. */
  readonly maxPartAge: number;
  /** Parts that should be there and are not, and why. */
  readonly absent: readonly string[];
}

/**
 * The verification that the parts make together: the same as one machine's over the whole store.
 * What no part read is not established. Only here the auditor's state is written.
 * @param parts at least one
 * @throws FleetsecError `input` for parts that contradict themselves or one another, overlap, or
 *   were asked something else than this merge; `state` and the like as verifyLog
 */
export async function mergeParts(
  parts: readonly NamedPart[],
  request: MergeRequest,
  outside: ConcludeParts,
): Promise<Verification> {
  const ordered = parts.toSorted((a, b) => byRange(a.result.examination.range, b.result.examination.range));
  const [first] = ordered;
  if (first === undefined) throw new FleetsecError("input", "there is no part to join");
  for (const part of ordered) {
    checkAsked(part, request);
    checkConsistent(part);
    checkHeld(part);
    checkSame(part, first);
  }
  refuseOverlaps(ordered);
  const { asked, checkpoint, cosigned } = first.result;
  const { whole } = first.result.examination;
  const history = {
    current: reopened(first.name, checkpoint, request.trust),
    cosigned: reopened(first.name, cosigned, request.trust),
  };
  checkRoot(first, history.current);
  checkKeys(first, history.current, request);
  const gaps = [...request.absent, ...holesIn(ordered, whole.size)];
  const examination = joined(ordered.map(({ result }) => result.examination));
  if (gaps.length === 0) checkLeaves(first.result, examination);
  const kept = keptBefore(first, request, outside);
  const { since, until, maxAge } = asked;
  const concluding = { ...request, leaves: "batches" as const, since, until, maxAge };
  const stale = staleParts(ordered, request.maxPartAge, outside.clock.now());
  const verification = await conclude(examination, history, kept, concluding, outside, [...gaps, ...stale]);
  return { ...verification, read: spanOf(ordered) };
}

/** What was altered in its batches since a part was read, nobody has seen. */
function spanOf(parts: readonly NamedPart[]): { readonly from: number; readonly to: number } {
  const from = parts.reduce((least, { result }) => Math.min(least, result.time), Number.POSITIVE_INFINITY);
  return { from, to: parts.reduce((most, { result }) => Math.max(most, result.ended), from) };
}

/** Milliseconds by which the clock of a part's machine may be ahead. */
const MAX_SKEW = 300_000;

/** Parts that are too old, by the merge's clock, or from the future, whose age says nothing. */
function staleParts(parts: readonly NamedPart[], maxAge: number, now: number): string[] {
  return parts.flatMap(({ name, result: { time } }) => {
    const at = new Date(time).toISOString();
    if (time > now + MAX_SKEW) return [`the part ${name} was read in the future, at ${at}`];
    if (now - time <= maxAge * 1000) return [];
    return [`the part ${name} was read at ${at}, more than ${formatDuration(maxAge)} ago: verify it again`];
  });
}

function byRange(a: BatchRange, b: BatchRange): number {
  return a.from - b.from || a.to - b.to;
}

function contradiction(name: string, what: string): FleetsecError {
  return new FleetsecError("input", `${name} contradicts itself: ${what}`, {
    hint: "take the file as verify-logs --partial wrote it",
  });
}

/** A part is evidence only for what this merge would have asked itself. */
function checkAsked({ name, result }: NamedPart, { version, trust, allKeys = false }: MergeRequest): void {
  if (result.version !== version) {
    throw new FleetsecError("input", `${name} was made by fleetsec ${result.version}; this is ${version}`, {
      hint: "verify all parts, and join them, with the same version",
    });
  }
  if (result.asked.trust !== trustDigest(trust)) {
    throw new FleetsecError("input", `${name} was made with other trusted keys`, {
      hint: "give every part, and the merge, the same --trust file",
    });
  }
  if (result.asked.allKeys !== allKeys) {
    throw new FleetsecError("input", `${name} was made with${allKeys ? "out" : ""} --all-keys`, {
      hint: "give every part, and the merge, --all-keys, or none of them",
    });
  }
}

/** What no examination gives: a file that was edited is not to be relied on. */
function checkConsistent({ name, result }: NamedPart): void {
  const { asked, time, ended, examination } = result;
  const { range, whole, batches, leaves, unread } = examination;
  const { from, to } = range;
  if (ended < time) throw contradiction(name, "it ended before it began");
  if (from > to || to > whole.size) throw contradiction(name, `it has no batches ${from} to ${to - 1}`);
  if (leaves !== undefined && leaves.length !== 32 * (to - from)) {
    throw contradiction(name, "its leaf hashes are not those of its batches");
  }
  for (const list of [whole, batches]) {
    const { findings, omitted } = joinFindings([list]);
    if (
      findings.length !== list.findings.length ||
      omitted < 0 ||
      (omitted > 0 && findings.length < 10_000)
    ) {
      throw contradiction(name, "its findings are not as many as it counts");
    }
  }
  if (batches.findings.some(({ seq = -1 }) => seq < from || seq >= to)) {
    throw contradiction(name, "it tells of batches that are not in its part");
  }
  const isClean = whole.findings.length + batches.findings.length + unread.files.length + unread.more === 0;
  if (isClean && batches.batches + batches.skipped !== to - from) {
    throw contradiction(name, "it did not read all of its batches, and does not say why");
  }
  if (isClean) checkCounts(name, examination);
  if (batches.skipped > 0 && asked.since === undefined && asked.until === undefined) {
    throw contradiction(name, "it passed batches over, though it was asked for all of them");
  }
  if (isClean && leaves === undefined && whole.size <= MAX_KEPT_LEAVES) {
    throw contradiction(name, "the hashes of its leaves are not there, and it does not say why");
  }
}

/** Where nothing is wrong, the records are those that the leaves tell of, and each has a byte or more. */
function checkCounts(name: string, { range: { from, to }, whole, batches }: Examination): void {
  const sum = (spans: readonly TimelineSpan[]) => spans.reduce((all, { records }) => all + records, 0);
  const { spans } = whole.timeline;
  // a span at an edge of the part has batches of other parts too
  const most = from === to ? 0 : sum(spans.filter(({ first, last }) => first < to && last >= from));
  const least = sum(spans.filter(({ first, last }) => first >= from && last < to));
  // otherwise how many records a batch has is the leaf's word alone
  const hasNoBytes = whole.deep && batches.bytes < batches.records;
  const tooFew = batches.skipped === 0 && batches.records < least;
  if (tooFew || batches.records > most || hasNoBytes) {
    throw contradiction(name, "its records and bytes are not as many as its leaves tell of");
  }
}

/** Only what a part was held to can anchor the log, and no further than the log goes. */
function checkHeld({ name, result }: NamedPart): void {
  const { asked, kept, examination } = result;
  const { whole } = examination;
  const wasAsked = (anchor: HeldAnchor) =>
    anchor.kind === "kept"
      ? anchor.size === kept?.size
      : asked.anchors.some(
          ({ source, size, origin }) =>
            source === anchor.source && size === anchor.size && origin === whole.origin,
        );
  if (!whole.anchors.every(wasAsked)) throw contradiction(name, "an anchor holds that it was not held to");
  const stamps = whole.tokens.length > 0;
  if (stamps && (asked.authorities ?? []).length === 0) {
    throw contradiction(name, "a time-stamp holds, and no authority was named");
  }
  if (whole.tokens.some(({ kind }) => kind !== "time-stamp")) {
    throw contradiction(name, "something holds as a time-stamp that is none");
  }
  if ([...whole.anchors, ...whole.tokens].some(({ size }) => size > whole.size)) {
    throw contradiction(name, "an anchor holds beyond the end of the log");
  }
}

/** What is the same in all parts of one verification, and what it means where it is not. */
const SAME: readonly (readonly [string, (result: PartResult) => unknown])[] = [
  ["--since, --until or --max-age", ({ asked }) => [asked.since, asked.until, asked.maxAge]],
  ["the certificates of --tsa-ca", ({ asked }) => asked.authorities],
  ["the anchors", ({ asked }) => asked.anchors],
  ["the checkpoint in --state", ({ kept }) => kept],
  ["the size of the log", ({ examination }) => examination.whole.size],
  ["the checkpoint of the log", ({ checkpoint, examination }) => [checkpoint, examination.whole.log]],
  ["the cosigned checkpoint", ({ cosigned }) => cosigned],
  ["--deep", ({ examination }) => examination.whole.deep],
  ["what is wrong beside the batches", ({ examination: { whole } }) => [whole.counts, whole.findings]],
  ["the leaves, or the anchors that hold", ({ examination: { whole } }) => whole],
];

function checkSame({ name, result }: NamedPart, first: NamedPart): void {
  for (const [what, of] of SAME) {
    if (JSON.stringify(of(result)) === JSON.stringify(of(first.result))) continue;
    throw new FleetsecError(
      "input",
      `${first.name} and ${name} are no parts of one verification: ${what} differ`,
      {
        hint: "verify all parts with the same flags and state, over a store that does not change meanwhile",
      },
    );
  }
}

function refuseOverlaps(ordered: readonly NamedPart[]): void {
  let before: NamedPart | undefined;
  for (const part of ordered) {
    const { from, to } = part.result.examination.range;
    // an empty part reads nothing twice
    if (from === to) continue;
    if (before !== undefined && before.result.examination.range.to > from) {
      throw new FleetsecError("input", `${before.name} and ${part.name} both have batch ${from}`, {
        hint: "name each part once, and give each batch to one part",
      });
    }
    before = part;
  }
}

/** Batches that no part read. */
function holesIn(ordered: readonly NamedPart[], size: number): string[] {
  const holes: string[] = [];
  let next = 0;
  for (const { from, to } of [
    ...ordered.map(({ result }) => result.examination.range),
    { from: size, to: size },
  ]) {
    if (from > next) holes.push(holeText(ordered, next, from, size));
    next = Math.max(next, to);
  }
  return holes;
}

function holeText(ordered: readonly NamedPart[], from: number, to: number, size: number): string {
  const text =
    to - from === 1
      ? `batch ${from} of ${size} is in no part`
      : `batches ${from} to ${to - 1} of ${size} are in no part`;
  const shards = ordered.flatMap(({ result }) => result.shard ?? []);
  const count = shards.length === ordered.length ? shards[0]?.count : undefined;
  if (count === undefined) return text;
  const there = new Set(shards.map(({ index }) => index));
  const missing: number[] = [];
  for (let index = 1; index <= count && missing.length < 20; index++)
    if (!there.has(index)) missing.push(index);
  return `${text}; shards of ${count} that are missing: ${missing.join(", ")}`;
}

/** A checkpoint in a part is believed for its signature, not for the part. */
function reopened(name: string, note: string | undefined, trust: Trust): SignedCheckpoint | undefined {
  if (note === undefined) return undefined;
  const opened = openCheckpoint(Buffer.from(note), trust);
  if ("code" in opened) throw contradiction(name, `its checkpoint is not to be believed: ${opened.detail}`);
  return opened;
}

/** Where nothing is wrong, the log is the one that the newest checkpoint signs. */
function checkRoot({ name, result }: NamedPart, current: SignedCheckpoint | undefined): void {
  const { whole } = result.examination;
  if (whole.findings.length > 0) return;
  const { log, size, established } = whole;
  const isSigned =
    log !== undefined &&
    current !== undefined &&
    log.origin === current.origin &&
    log.size === current.size &&
    size === current.size &&
    Buffer.compare(log.root, current.root) === 0;
  if (!isSigned || established !== true) throw contradiction(name, "its log is not the one that was signed");
}

/** A part that was to demand every key, and tells of nothing, had a checkpoint that they all signed. */
function checkKeys(
  { name, result }: NamedPart,
  current: SignedCheckpoint | undefined,
  { allKeys, trust }: MergeRequest,
): void {
  if (allKeys !== true || current === undefined) return;
  if ((result.examination.whole.counts.SIG_MISSING ?? 0) > 0) return;
  if (absentKeys(current, current.origin, trust).length === 0) return;
  throw contradiction(name, "a key did not sign its checkpoint, and it does not say so");
}

function joined(parts: readonly Examination[]): Examination {
  const [first] = parts as readonly [Examination, ...Examination[]];
  const sum = (of: (examination: Examination) => number) => parts.reduce((all, one) => all + of(one), 0);
  const { findings, counts } = joinFindings(parts.map(({ batches }) => batches));
  const leaves = parts.flatMap((one) => one.leaves ?? []);
  return {
    range: { from: 0, to: first.whole.size },
    whole: first.whole,
    batches: {
      batches: sum(({ batches }) => batches.batches),
      records: sum(({ batches }) => batches.records),
      bytes: sum(({ batches }) => batches.bytes),
      skipped: sum(({ batches }) => batches.skipped),
      findings,
      counts,
    },
    leaves: leaves.length < parts.length ? undefined : Buffer.concat(leaves),
    unread: joinedUnread(parts.map(({ unread }) => unread)),
  };
}

/** Every part has met the files that all read, and those of its batches. */
function joinedUnread(lists: readonly Unread[]): Unread {
  const files = new Map(lists.flatMap((list) => list.files).map((file) => [file.path, file]));
  return { files: [...files.values()], more: lists.reduce((all, list) => all + list.more, 0) };
}

/** The leaves of all parts must make the root, whatever the parts say: that was signed. And those of the anchors. */
function checkLeaves({ asked, kept }: PartResult, { leaves, whole }: Examination): void {
  const { established, log, anchors } = whole;
  if (leaves === undefined || established !== true || log === undefined) return;
  const rootAt = ({ kind, size, ...held }: HeldAnchor) =>
    kind === "kept"
      ? kept?.root
      : asked.anchors.find((one) => "source" in held && one.source === held.source && one.size === size)
          ?.root;
  const roots = [
    { size: log.size, root: log.root },
    ...anchors.map((one) => ({ ...one, root: rootAt(one) })),
  ];
  const differs = roots.find(({ size, root }) => root === undefined || !rootOf(leaves, 0, size).equals(root));
  if (differs === undefined) return;
  const what =
    differs.size === log.size ? "the root that was signed" : `an anchor's root at size ${differs.size}`;
  throw new FleetsecError("input", `the leaves of the parts do not make ${what}`, {
    hint: "take the files as verify-logs --partial wrote them",
  });
}

/** What the auditor keeps now must be what the parts were held to. */
function keptBefore({ result }: NamedPart, { state, trust }: MergeRequest, { files }: ConcludeParts) {
  const { origin } = result.examination.whole;
  const kept = origin === undefined ? undefined : readKept(files, state, origin, trust);
  const same =
    kept?.checkpoint.size === result.kept?.size &&
    (kept === undefined || Buffer.compare(kept.checkpoint.root, result.kept?.root ?? Buffer.of()) === 0);
  if (same) return kept;
  const say = (size: number | undefined) => (size === undefined ? "none" : `that of size ${size}`);
  throw new FleetsecError(
    "input",
    `the checkpoint kept in ${state} is ${say(kept?.checkpoint.size)}; the parts were held to ${say(result.kept?.size)}`,
    {
      hint: "give every part, and the merge, the same --state; where it has changed since, verify the parts again",
    },
  );
}
