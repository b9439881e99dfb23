import { FleetsecError } from "../../errors.ts";
import type { Examination, HeldAnchor } from "./examination.ts";
import { joinFindings } from "./finding.ts";
import { absentKeys } from "./judge-keys.ts";
import { MAX_KEPT_LEAVES } from "./kept.ts";
import { type PartResult, trustDigest } from "./part-result.ts";
import { openCheckpoint, type SignedCheckpoint } from "./signed-checkpoint.ts";
import type { TimelineSpan } from "./timeline.ts";
import type { Trust } from "./trust.ts";
import type { VerifyRequest } from "./verification.ts";

/** A part's result and what to call it in messages. */
export interface NamedPart {
  readonly name: string;
  readonly result: PartResult;
}

/** What a merge asks, and each of its parts must have asked. */
export interface Wanted extends Pick<VerifyRequest, "trust" | "allKeys"> {
  /** The version of this program. */
  readonly version: string;
}

function contradiction(name: string, what: string): FleetsecError {
  return new FleetsecError("input", `${name} contradicts itself: ${what}`, {
    hint: "take the file as verify-logs --partial wrote it",
  });
}

/** A part is evidence only for what this merge would have asked itself. */
export function checkAsked({ name, result }: NamedPart, { version, trust, allKeys = false }: Wanted): void {
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
export function checkConsistent({ name, result }: NamedPart): void {
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
export function checkHeld({ name, result }: NamedPart): void {
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

/** A checkpoint in a part is believed for its signature, not for the part. */
export function reopened(name: string, note: string | undefined, trust: Trust): SignedCheckpoint | undefined {
  if (note === undefined) return undefined;
  const opened = openCheckpoint(Buffer.from(note), trust);
  if ("code" in opened) throw contradiction(name, `its checkpoint is not to be believed: ${opened.detail}`);
  return opened;
}

/** Where nothing is wrong, the log is the one that the newest checkpoint signs. */
export function checkRoot({ name, result }: NamedPart, current: SignedCheckpoint | undefined): void {
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
export function checkKeys(
  { name, result }: NamedPart,
  current: SignedCheckpoint | undefined,
  { allKeys, trust }: Wanted,
): void {
  if (allKeys !== true || current === undefined) return;
  if ((result.examination.whole.counts.SIG_MISSING ?? 0) > 0) return;
  if (absentKeys(current, current.origin, trust).length === 0) return;
  throw contradiction(name, "a key did not sign its checkpoint, and it does not say so");
}
