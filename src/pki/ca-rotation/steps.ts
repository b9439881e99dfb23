import { join } from "node:path";
import { formatDuration } from "../../duration.ts";
import { FleetsecError } from "../../errors.ts";
import type { Authority, CaGeneration } from "../authority.ts";
import type { IssueRecord } from "../inventory-line.ts";
import { requireRootCrls } from "../publish.ts";
import type { PkiPlatform } from "../state.ts";
import { isoTime } from "../verify/time.ts";
import { tokenKeysOfOnly } from "./places.ts";
import { removeRecord } from "./record.ts";
import { drop, settle } from "./settle.ts";
import { liveCertificates, rotationStatus, type RotationStatus } from "./status.ts";

/** Why a step is not safe now. */
export interface Refusal {
  readonly message: string;
  readonly hint: string;
  /** The certificates that stand in the way. */
  readonly certificates: readonly IssueRecord[];
}

export interface Waiting {
  /** How long relying parties may take to load a new trust bundle, in seconds. */
  readonly overlap: number;
  /** Whether somebody has made sure that all of them have. */
  readonly isLoaded: boolean;
}

/** Why phase 2 must wait: whoever trusts the old root alone would refuse certificates of the new CA. */
export function switchRefusal(
  { phase, published, next }: RotationStatus,
  { overlap, isLoaded }: Waiting,
  now: number,
): Refusal | undefined {
  if (phase !== "both-trusted") {
    const message = phase === "idle" ? "no rotation was begun" : "the new CA issues already";
    return refusal(message, "fleetsec ca rotate status says what comes next");
  }
  if (published === undefined) {
    return refusal("the bundle with both roots was never published", "run fleetsec ca rotate begin again");
  }
  if (next.issuing.notAfter <= now)
    return refusal("the new issuing CA has ended", "run fleetsec ca rotate abort");
  const from = published + overlap * 1000;
  if (isLoaded || now >= from) return undefined;
  return refusal(
    `the bundle with both roots was published at ${isoTime(published)}, less than ${formatDuration(overlap)} ago`,
    `wait until ${isoTime(from)} (pki.trust_overlap), or make sure that everybody has loaded it and add --loaded`,
  );
}

/** Why phase 3 must wait: certificates below the old root would be refused. */
export function finishRefusal(
  authority: Authority,
  status: RotationStatus,
  now: number,
): Refusal | undefined {
  const { phase, old, published } = status;
  if (phase === "idle")
    return refusal("there is no rotation to finish", "fleetsec ca rotate begin begins one");
  if (phase === "both-trusted") {
    return refusal("the new CA does not issue yet", "fleetsec ca rotate switch comes first");
  }
  if (phase === "new-issues" && published === undefined) {
    return refusal("the bundle with both roots was never published", "fleetsec ca rotate abort goes back");
  }
  return inUse(authority, old, now);
}

/** Why a rotation cannot be taken back a step. */
export function abortRefusal(authority: Authority, status: RotationStatus, now: number): Refusal | undefined {
  const { phase, old, next } = status;
  if (phase === "both-trusted") {
    const dropped = authority.trusted.filter(({ id }) => id === next.id);
    return inUse(authority, dropped, now);
  }
  if (phase !== "new-issues") {
    return refusal("there is no root rotation to abort", "fleetsec ca rotate status says how far it is");
  }
  const last = old.at(-1);
  if (last !== undefined && last.issuing.notAfter > now) return undefined;
  return refusal("the old issuing CA has ended", "go on with the new one: fleetsec ca rotate finish");
}

function inUse(
  { inventory }: Authority,
  generations: readonly CaGeneration[],
  now: number,
): Refusal | undefined {
  const certificates = liveCertificates(inventory, generations, now);
  if (certificates.length === 0) return undefined;
  const [count, chain] =
    certificates.length === 1
      ? ["1 certificate has", "chains"]
      : [`${certificates.length} certificates have`, "chain"];
  return {
    message: `${count} neither ended nor been revoked, and ${chain} to what would be dropped`,
    hint: "renew them with fleetsec cert rotate --force, then wait for the old ones to end or revoke them by serial",
    certificates,
  };
}

function refusal(message: string, hint: string): Refusal {
  return { message, hint, certificates: [] };
}

/** Phase 2: the new CA issues from now on. @throws FleetsecError `refused` where that is not safe */
export async function switchIssuer(
  platform: PkiPlatform,
  reopen: () => Authority,
  waiting: Waiting,
): Promise<void> {
  await step(platform, reopen, (authority, status, now) => {
    permit(switchRefusal(status, waiting, now));
    issueFrom(platform, authority, status.next);
  });
}

/**
 * Phase 3: what was replaced is trusted no longer.
 * @returns the URIs of its keys in tokens, where they stay
 * @throws FleetsecError `refused` where that is not safe
 */
export function finishRotation(platform: PkiPlatform, reopen: () => Authority): Promise<string[]> {
  return step(platform, reopen, (authority, status, now) => {
    permit(finishRefusal(authority, status, now));
    return dropAll(platform, authority, status.old);
  });
}

/**
 * Takes a root rotation back by one phase: the old CA issues again, or the new one is dropped.
 * @returns the URIs of the keys in tokens of what was dropped, where they stay
 * @throws FleetsecError `refused` where that is not safe
 */
export function abortRotation(platform: PkiPlatform, reopen: () => Authority): Promise<string[]> {
  return step(platform, reopen, (authority, status, now) => {
    permit(abortRefusal(authority, status, now));
    const last = status.old.at(-1);
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

/** Does a step under the state's lock, on the state as it is then. */
async function step<T>(
  platform: PkiPlatform,
  reopen: () => Authority,
  work: (authority: Authority, status: RotationStatus, now: number) => T,
): Promise<T> {
  const { files, clock, locks } = platform;
  const opened = reopen();
  const { layout } = opened;
  requireRootCrls(files, opened);
  return locks.hold(layout.lock, async () => {
    settle(files, layout);
    const authority = reopen();
    return work(authority, rotationStatus(files, authority), clock.now());
  });
}

function issueFrom({ files }: PkiPlatform, { layout }: Authority, { number }: CaGeneration): void {
  files.linkAtomic(join(layout.authorities, "current"), String(number));
}

const MAX_NAMED = 10;

function permit(found: Refusal | undefined): void {
  if (found === undefined) return;
  const { message, hint, certificates } = found;
  const named = certificates
    .slice(0, MAX_NAMED)
    .map(({ name, serial, notAfter }) => `${name} ${serial} until ${notAfter}`);
  const more = certificates.length - named.length;
  const problems = more > 0 ? [...named, `and ${more} more`] : named;
  throw new FleetsecError("refused", message, { hint, problems });
}
