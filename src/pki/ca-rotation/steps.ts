import { join } from "node:path";
import { formatDuration } from "../../duration.ts";
import { FleetsecError } from "../../errors.ts";
import type { Files } from "../../platform/files.ts";
import type { Authority, CaGeneration } from "../authority.ts";
import { notBegun } from "../ca-chain.ts";
import type { IssueRecord } from "../inventory-line.ts";
import { publicFaults, soundnessOf } from "../soundness.ts";
import type { PkiPlatform } from "../state.ts";
import { isoTime } from "../verify/time.ts";
import { tokenKeysOfOnly } from "./places.ts";
import { removeRecord } from "./record.ts";
import { revokeByRoot, rootKeyPath } from "./root-crl.ts";
import { drop, settle } from "./settle.ts";
import { isUnpublished, liveCertificates, rotationStatus, type RotationStatus } from "./status.ts";

/** Why a step is not safe now. */
export interface Refusal {
  readonly message: string;
  readonly hint: string;
  /** The certificates that stand in the way. */
  readonly certificates: readonly IssueRecord[];
  /** Why it could not be told whether the step is safe. */
  readonly cause?: FleetsecError;
}

export interface Waiting {
  /** How long relying parties may take to load a new trust bundle, in seconds. */
  readonly overlap: number;
  /** Whether somebody has made sure that all of them have. */
  readonly isLoaded: boolean;
}

/** A rotation as it stands, and what is needed to judge it. */
export interface Situation {
  readonly files: Files;
  readonly authority: Authority;
  readonly status: RotationStatus;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Why phase 2 must wait: whoever trusts the old root alone would refuse certificates of the new CA. */
export async function switchRefusal(
  situation: Situation,
  { overlap, isLoaded }: Waiting,
): Promise<Refusal | undefined> {
  const { status, now } = situation;
  const { phase, published, next } = status;
  if (phase !== "both-trusted") {
    const message = phase === "new-issues" ? "the new CA issues already" : "no rotation was begun";
    return refusal(message, "fleetsec ca rotate status says what comes next");
  }
  const unsound = damaged(situation);
  const unusable = unsound ?? early(next, now);
  if (unusable !== undefined) return unusable;
  if (published === undefined) return NOT_PUBLISHED;
  const from = published + overlap * 1000;
  if (isLoaded || now >= from) return unfit(situation, next);
  return refusal(
    `the bundle with both roots was published at ${isoTime(published)}, less than ${formatDuration(overlap)} ago`,
    `wait until ${isoTime(from)} (pki.trust_overlap), or make sure that everybody has loaded it and add --loaded`,
  );
}

/** Why phase 3 must wait: certificates below the old root would be refused, or nothing would issue. */
export async function finishRefusal(situation: Situation): Promise<Refusal | undefined> {
  const { authority, status, now } = situation;
  const { phase, old, next } = status;
  if (phase === "idle")
    return refusal("there is no rotation to finish", "fleetsec ca rotate begin begins one");
  if (phase === "both-trusted") {
    return refusal("the new CA does not issue yet", "fleetsec ca rotate switch comes first");
  }
  const unsound = damaged(situation, old);
  const unusable = unsound ?? early(next, now);
  if (unusable !== undefined) return unusable;
  if (isUnpublished(status)) return NOT_PUBLISHED;
  return inUse(authority, old, now) ?? unfit(situation, next);
}

function early(next: CaGeneration, now: number): Refusal | undefined {
  const fault = notBegun(next, now);
  return fault && refusal(fault.message, fault.hint ?? MEND);
}

/** Why a rotation cannot be taken back a step. */
export async function abortRefusal(situation: Situation): Promise<Refusal | undefined> {
  const { authority, status, now } = situation;
  const { phase, old, next } = status;
  if (phase === "both-trusted") {
    const dropped = authority.trusted.filter(({ id }) => id === next.id);
    return damaged(situation, dropped) ?? inUse(authority, dropped, now, REVOKE);
  }
  const last = old.at(-1);
  if (phase === "intermediate" && last !== undefined && notBegun(next, now) !== undefined) {
    return (
      damaged(situation, [next]) ??
      inUse(authority, [next], now, REVOKE) ??
      withoutRootKey(situation, last) ??
      unfit(situation, last)
    );
  }
  if (phase !== "new-issues" || last === undefined) {
    return refusal("there is no root rotation to abort", "fleetsec ca rotate status says how far it is");
  }
  if (last.issuing.notAfter > now) return unfit(situation, last);
  return refusal("the old issuing CA has ended", "go on with the new one: fleetsec ca rotate finish");
}

const NOT_PUBLISHED = refusal(
  "what gateways read (bundle.pem, crl.pem) lacks a root, or nobody knows since when it has both",
  "run fleetsec ca rotate begin again: it publishes both, and the wait begins anew",
);

const MEND = "restore what is named, or go back with fleetsec ca rotate abort";

/** Generations that are damaged keep what gateways read from being made anew. */
export function damaged(
  { files, authority }: Situation,
  dropped: readonly CaGeneration[] = [],
): Refusal | undefined {
  const gone = new Set(dropped.map(({ number }) => number));
  const kept = authority.trusted.filter(({ number }) => !gone.has(number));
  const [fault] = kept.flatMap((ca) => publicFaults(files, authority, ca));
  return fault && refusal(fault.message, fault.hint ?? MEND);
}

/** The CA that is to issue must be shown to work: the other can be gone for good afterwards. */
async function unfit({ files, authority, now }: Situation, ca: CaGeneration): Promise<Refusal | undefined> {
  const { faults, unknown } = await soundnessOf(files, authority, ca, now);
  if (faults.length > 0) {
    const why = faults.map(({ message }) => message).join("; ");
    return refusal(`the CA that would issue does not work: ${why}`, MEND);
  }
  if (unknown === undefined) return undefined;
  const message = `whether the CA that would issue works could not be established: ${unknown.message}`;
  return { ...refusal(message, unknown.hint ?? MEND), cause: unknown };
}

/** Everybody who has the new issuing CA would trust it, for the root stays. */
function withoutRootKey({ files, authority }: Situation, ca: CaGeneration): Refusal | undefined {
  const path = rootKeyPath(authority.layout, ca);
  if (files.kind(path) !== undefined) return undefined;
  return refusal(
    "the root's key is not here, and what is dropped has to be on the root's CRL",
    `put it back as ${path}`,
  );
}

const RENEW =
  "renew them with fleetsec cert rotate --force, then wait for the old ones to end or revoke them by serial";
const REVOKE = "wait for them to end or revoke them by serial";

function inUse(
  { inventory }: Authority,
  generations: readonly CaGeneration[],
  now: number,
  hint = RENEW,
): Refusal | undefined {
  const certificates = liveCertificates(inventory, generations, now);
  if (certificates.length === 0) return undefined;
  const [count, chain] =
    certificates.length === 1
      ? ["1 certificate has", "chains"]
      : [`${certificates.length} certificates have`, "chain"];
  return {
    message: `${count} neither ended nor been revoked, and ${chain} to what would be dropped`,
    hint,
    certificates,
  };
}

function refusal(message: string, hint: string): Refusal {
  return { message, hint, certificates: [] };
}

/**
 * Phase 2: the new CA issues from now on.
 * @throws FleetsecError `refused` where that is not safe, and what unlocking its key throws
 */
export async function switchIssuer(
  platform: PkiPlatform,
  reopen: () => Authority,
  waiting: Waiting,
): Promise<void> {
  const refusalOf = (situation: Situation) => switchRefusal(situation, waiting);
  await step(platform, reopen, refusalOf, ({ authority, status }) => {
    issueFrom(platform, authority, status.next);
  });
}

/** What became of the CAs that were replaced. */
export interface Finished {
  /** URIs of their keys in tokens, where they stay. */
  readonly tokenKeys: readonly string[];
  /** Until when, in milliseconds since the epoch, an issuing CA among them has a root that stays trusted. */
  readonly rootedUntil: number | undefined;
  /** Whether those are on their root's CRL. */
  readonly isRevoked: boolean;
}

/**
 * Phase 3: the CAs that were replaced are dropped. Who loads the new bundle does not trust a root of theirs any
 * more; where the root stays, its CRL has the issuing CA, if the root's key is here.
 * @throws FleetsecError as `switchIssuer`
 */
export function finishRotation(platform: PkiPlatform, reopen: () => Authority): Promise<Finished> {
  return step(platform, reopen, finishRefusal, async ({ authority, status: { old, next } }) => {
    const rooted = old.filter(({ id }) => id === next.id).map(({ issuing }) => issuing);
    const isRevoked = await revokeByRoot(platform, authority, next, rooted);
    const tokenKeys = dropAll(platform, authority, old);
    const ends = rooted.map(({ notAfter }) => notAfter);
    return { tokenKeys, rootedUntil: ends.length === 0 ? undefined : Math.max(...ends), isRevoked };
  });
}

/**
 * Takes a rotation back by one phase: the old CA issues again, or the new one is dropped. An issuing CA below the
 * root of the one before is dropped while it is not valid yet.
 * @returns the URIs of the keys in tokens of what was dropped, where they stay
 * @throws FleetsecError as `switchIssuer`, of the old CA
 */
export function abortRotation(platform: PkiPlatform, reopen: () => Authority): Promise<string[]> {
  return step(platform, reopen, abortRefusal, async ({ authority, status }) => {
    const last = status.old.at(-1);
    if (status.phase === "intermediate" && last !== undefined) {
      await revokeByRoot(platform, authority, last, [status.next.issuing]);
      issueFrom(platform, authority, last);
      return dropAll(platform, authority, [status.next]);
    }
    if (status.phase === "new-issues" && last !== undefined) {
      issueFrom(platform, authority, last);
      return [];
    }
    const dropped = authority.trusted.filter(({ id }) => id === status.next.id);
    return dropAll(platform, authority, dropped);
  });
}

function dropAll({ files }: PkiPlatform, authority: Authority, dropped: readonly CaGeneration[]): string[] {
  const { layout } = authority;
  const left = tokenKeysOfOnly(files, authority, dropped);
  for (const ca of dropped) drop(files, layout, ca);
  removeRecord(files, layout);
  return left;
}

/** Does a step under the state's lock, on the state as it is then, where nothing speaks against it. */
async function step<T>(
  platform: PkiPlatform,
  reopen: () => Authority,
  refusalOf: (situation: Situation) => Promise<Refusal | undefined>,
  work: (situation: Situation) => T | Promise<T>,
): Promise<T> {
  const { files, clock, locks } = platform;
  const look = (): Situation => {
    const authority = reopen();
    return { files, authority, status: rotationStatus(files, authority), now: clock.now() };
  };
  const { layout } = look().authority;
  // before the lock: this may ask a person for a passphrase, and once is enough where it is wrong
  const { cause } = (await refusalOf(look())) ?? {};
  if (cause !== undefined) throw cause;
  return locks.hold(layout.lock, async () => {
    // what nobody knows to be published is left to `begin`, so that the wait begins anew
    if (!isUnpublished(look().status)) settle(files, layout);
    const situation = look();
    permit(await refusalOf(situation));
    return work(situation);
  });
}

function issueFrom({ files }: PkiPlatform, { layout }: Authority, { number }: CaGeneration): void {
  files.linkAtomic(join(layout.authorities, "current"), String(number));
}

const MAX_NAMED = 10;

function permit(found: Refusal | undefined): void {
  if (found === undefined) return;
  const { message, hint, certificates, cause } = found;
  if (cause !== undefined) throw cause;
  const named = certificates
    .slice(0, MAX_NAMED)
    .map(({ name, serial, notAfter }) => `${name} ${serial} until ${notAfter}`);
  const more = certificates.length - named.length;
  const problems = more > 0 ? [...named, `and ${more} more`] : named;
  throw new FleetsecError("refused", message, { hint, problems });
}
