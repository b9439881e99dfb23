import type { Event } from "../lint/event.ts";
import { plainSerial } from "../lint/certificate.ts";
import { holdersIn, isNamed } from "../trace/identity.ts";
import type { TracedEvent } from "../trace/verified-events.ts";
import type { VerifiedLog } from "../trace/verified-log.ts";
import type { SeenCertificate } from "./seen.ts";

/** Why a certificate is not one that the CA is known to have issued. */
export type UnloggedCode =
  /** No issue with its serial is in the log of issuance. */
  | "NOT_LOGGED"
  /** The issue with its serial was for another name. */
  | "OTHER_NAME"
  /** The issue with its serial and name was of another certificate. */
  | "OTHER_CERTIFICATE";

export interface UnloggedCertificate extends SeenCertificate {
  readonly code: UnloggedCode;
}

export interface Compared {
  readonly unlogged: readonly UnloggedCertificate[];
  /** The newest batch that clears a certificate which was let in. */
  readonly lastIssue: number | undefined;
}

/**
 * Finds the certificates among `seen` whose issue is not in the verified batches of the log of issuance
 * (a CA's inventory, signed). With the fingerprint nothing can be forged; a serial and a name can be
 * given again by whoever has the CA's key.
 */
export async function compareWithIssues(
  seen: readonly SeenCertificate[],
  issuance: VerifiedLog,
): Promise<Compared> {
  const serials = new Set(seen.map(({ serial }) => serial));
  const issues = new Map<string, TracedEvent[]>();
  await issuance.each(
    ['"issue"'],
    (event) => event["op"] === "issue" && serials.has(serialOf(event)),
    (issue) => {
      const serial = serialOf(issue.event);
      issues.set(serial, [...(issues.get(serial) ?? []), issue]);
      return true;
    },
  );
  const unlogged: UnloggedCertificate[] = [];
  let lastIssue: number | undefined;
  for (const certificate of seen) {
    const judged = judge(certificate, issues.get(certificate.serial) ?? []);
    if (typeof judged === "string") unlogged.push({ ...certificate, code: judged });
    else if (certificate.letIn) lastIssue = Math.max(lastIssue ?? 0, judged.seq);
  }
  return { unlogged, lastIssue };
}

function serialOf({ serial }: Event): string {
  return typeof serial === "string" ? plainSerial(serial) : "";
}

/** The first issue of the certificate, or why there is none. */
function judge(seen: SeenCertificate, issues: readonly TracedEvent[]): UnloggedCode | TracedEvent {
  if (issues.length === 0) return "NOT_LOGGED";
  const named = issues.filter(({ event }) => isOf(seen, event));
  if (named.length === 0) return "OTHER_NAME";
  const { sha256 } = seen;
  // what the gateway or an old inventory does not say cannot be compared
  const own = named.find(
    ({ event }) => sha256 === undefined || [undefined, sha256].includes(event["sha256"] as string),
  );
  return own ?? "OTHER_CERTIFICATE";
}

/** A gateway that tells no subject leaves nothing to compare. */
function isOf({ subject }: SeenCertificate, issue: Event): boolean {
  return subject === "" || holdersIn(issue).some((holder) => isNamed(subject, holder));
}
