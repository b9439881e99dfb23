import { formatDuration } from "../../duration.ts";
import { FleetsecError } from "../../errors.ts";
import { rootOf } from "../merkle.ts";
import { conclude, type ConcludeParts } from "./conclude.ts";
import type { Examination, HeldAnchor, Unread } from "./examination.ts";
import { joinFindings } from "./finding.ts";
import { readKept } from "./kept.ts";
import type { PartResult } from "./part-result.ts";
import { checkSame, holesIn, refuseOverlaps } from "./parts-together.ts";
import {
  checkAsked,
  checkConsistent,
  checkHeld,
  checkKeys,
  checkRoot,
  type NamedPart,
  reopened,
  type Wanted,
} from "./sound-part.ts";
import type { BatchRange, Verification, VerifyRequest } from "./verification.ts";

export interface MergeRequest extends Wanted, Pick<VerifyRequest, "state" | "allowUnanchored"> {
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
