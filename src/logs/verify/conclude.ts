import { FleetsecError } from "../../errors.ts";
import type { Files } from "../../platform/files.ts";
import type { Locks } from "../../platform/lock.ts";
import type { Clock } from "../../platform/platform.ts";
import { tokenPath } from "../layout.ts";
import {
  type Examination,
  type HeldAnchor,
  type HeldToken,
  isWindow,
  type WholeFacts,
} from "./examination.ts";
import { collectFindings, type Findings, joinFindings } from "./finding.ts";
import type { History } from "./history.ts";
import { judgeWitnesses } from "./judge-witnesses.ts";
import { keep, type Kept } from "./kept.ts";
import { isByRetiredAlone } from "./retired.ts";
import { keyName, type SignedCheckpoint } from "./signed-checkpoint.ts";
import type { Trust } from "./trust.ts";
import {
  anchoredSize,
  type AnchorUsed,
  type KeptOutcome,
  type TrustedKey,
  type Verdict,
  type Verification,
  type VerifyRequest,
} from "./verification.ts";

export interface ConcludeParts {
  readonly files: Files;
  readonly locks: Locks;
  readonly clock: Clock;
}

type ConcludeRequest = Omit<VerifyRequest, "store" | "anchors" | "deepUpTo" | "threads">;

/**
 * What follows from an examination now, and the auditor's memory of it. Only here the clock counts.
 * @param gaps what keeps the examination from being whole
 */
export async function conclude(
  examination: Examination,
  history: Pick<History, "current" | "cosigned">,
  kept: Kept | undefined,
  request: ConcludeRequest,
  parts: ConcludeParts,
  gaps: readonly string[] = [],
): Promise<Verification> {
  const { whole, batches } = examination;
  const now = Math.floor(parts.clock.now() / 1000);
  const timely = collectFindings();
  const witnesses = judgeWitnesses(history, request.trust, now, timely);
  const age = judgeAge(whole, request.maxAge, now, timely);
  const dated = [...whole.tokens.flatMap((one) => judgeToken(one, now, timely)), ...age];
  const held = whole.anchors.flatMap((one) => usedOf(one, kept));
  const firm = isOneHistory(whole) ? [...held, ...witnesses] : held;
  const isRetired = history.current !== undefined && isByRetiredAlone(history.current);
  const anchors = isRetired ? firm : [...firm, ...dated];
  const doubts = isRetired ? retiredSigners(history.current, anchoredSize({ anchors })) : [];
  const lists = [whole, batches, { findings: timely.list(), counts: timely.counts() }];
  const { findings, counts, omitted } = joinFindings(lists);
  const unestablished = [...gaps, ...unestablishedOf(examination, request), ...doubts];
  const verdict = verdictOf(findings.length, anchors, unestablished);
  return {
    verdict,
    leaves: request.leaves,
    ok: verdict === "intact" || (verdict === "unanchored" && request.allowUnanchored),
    log: whole.log,
    checked: {
      batches: batches.batches,
      records: batches.records,
      bytes: batches.bytes,
      skipped: batches.skipped,
      deep: whole.deep,
    },
    anchors,
    findings,
    counts,
    omitted,
    unestablished,
    kept: await keepCheckpoint(examination, history, kept, verdict, request, parts),
    keys: keysOf(request.trust, history),
    timeline: whole.timeline,
  };
}

/** Whether the leaves make the signed root, and every checkpoint of the store is a beginning of their tree. */
function isOneHistory({ established, counts }: WholeFacts): boolean {
  const contradicted = (["ROLLBACK", "EQUIVOCATION", "INCONSISTENT_WITH_ANCHOR"] as const).some(
    (code) => counts[code] !== undefined,
  );
  return established === true && !contradicted;
}

/**
 * What there is to doubt where retired keys alone signed the newest checkpoint: whoever holds one can make it now, over
 * other batches than those that an anchor has. Its age and a time-stamp over it bound nothing.
 */
function retiredSigners({ keys, size }: SignedCheckpoint, anchored: number): readonly string[] {
  if (anchored >= size) return [];
  const names = keys.map(keyName).join(", ");
  const batches = anchored === size - 1 ? `batch ${anchored}` : `batches ${anchored} to ${size - 1}`;
  return [
    `the newest checkpoint is signed by retired keys alone (${names}), whose holder can make one at any time: nothing else vouches for ${batches}. It takes an anchor of size ${size}; neither age nor time-stamps are one`,
  ];
}

function keysOf({ logs, witnesses }: Trust, { current }: Pick<History, "current">): TrustedKey[] {
  return [
    ...logs.map((key) => ({
      name: keyName(key),
      type: key.type,
      signed: current?.keys.includes(key) ?? false,
    })),
    ...[...witnesses].map(([name, key]) => ({
      name: `${name} (${keyName(key)})`,
      type: key.type,
      signed: current?.cosigned.has(name) ?? false,
    })),
  ];
}

function usedOf(anchor: HeldAnchor, kept: Kept | undefined): AnchorUsed[] {
  if (anchor.kind === "file") return [anchor];
  return kept === undefined ? [] : [{ ...anchor, source: kept.path, since: kept.since }];
}

/** Seconds by which the signer's clock, or an authority's, may be ahead of the auditor's. */
const MAX_SKEW = 300;

/** A time-stamp of the future would vouch for what is made until then. */
function judgeToken({ time, ...token }: HeldToken, now: number, findings: Findings): AnchorUsed[] {
  if (time <= now + MAX_SKEW) return [token];
  findings.add({
    code: "TIME_ANOMALY",
    path: tokenPath(token.size),
    detail: `the time-stamp is dated ${time - now} s into the future`,
  });
  return [];
}

/** A log whose newest batch is young enough cannot have lost more than that much of its tail. */
function judgeAge(
  { newest, size }: WholeFacts,
  maxAge: number | undefined,
  now: number,
  findings: Findings,
): AnchorUsed[] {
  if (maxAge === undefined || newest === undefined) return [];
  const age = now - newest;
  if (age < -MAX_SKEW) {
    // a batch of the future would count as young until that time has come
    findings.add({
      code: "TIME_ANOMALY",
      seq: size - 1,
      detail: `the newest batch was closed ${-age} s in the future: its age says nothing`,
    });
    return [];
  }
  if (age > maxAge) {
    findings.add({
      code: "GAP",
      seq: size - 1,
      detail: `the newest batch was closed ${age} s ago; at most ${maxAge} s are allowed`,
    });
    return [];
  }
  return [{ kind: "age", size, source: `${Math.max(0, age)} s` }];
}

/** Files that could not be read, one by one; further ones are counted. */
const MAX_UNREAD = 100;

function unestablishedOf({ whole, batches, unread }: Examination, request: ConcludeRequest): string[] {
  const more = Math.max(0, unread.files.length - MAX_UNREAD) + unread.more;
  return [
    ...unread.files.slice(0, MAX_UNREAD).map(({ path, why }) => `${path} could not be read: ${why}`),
    ...(more > 0 ? [`${more} more files could not be read`] : []),
    ...(isWindow(request) && batches.batches === 0
      ? ["no batch is within what was asked for, so no record was read"]
      : []),
    ...whole.unestablished,
  ];
}

function verdictOf(findings: number, used: readonly AnchorUsed[], unestablished: readonly string[]): Verdict {
  if (findings > 0) return "altered";
  if (unestablished.length > 0) return "not-established";
  return used.length > 0 ? "intact" : "unanchored";
}

/** Keeps the checkpoint after a verification that left nothing out. */
async function keepCheckpoint(
  { batches, leaves }: Examination,
  { current }: Pick<History, "current">,
  kept: Kept | undefined,
  verdict: Verdict,
  request: ConcludeRequest,
  parts: ConcludeParts,
): Promise<KeptOutcome> {
  const before = kept?.checkpoint.size;
  const clean = (verdict === "intact" || verdict === "unanchored") && batches.skipped === 0;
  if (!clean || current === undefined) return { before, now: "not", path: kept?.path };
  if (before === current.size) return { before, now: "same", path: kept?.path };
  try {
    const path = await keep(parts, request.state, current, leaves, request.trust);
    return { before, now: "saved", path };
  } catch (error) {
    if (!(error instanceof FleetsecError)) throw error;
    return { before, now: "not", path: kept?.path, fault: error.message };
  }
}
