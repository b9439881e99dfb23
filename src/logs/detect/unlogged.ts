import type { Event } from "../lint/event.ts";
import { holdersIn, isNamed, plainSerial } from "../trace/identity.ts";
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

/**
 * The certificates among `seen` whose issue is not in the verified batches of the log of issuance
 * (a CA's inventory, signed). With the fingerprint nothing can be forged; a serial and a name can be
 * given again by whoever has the CA's key.
 */
export async function unloggedCertificates(
  seen: readonly SeenCertificate[],
  issuance: VerifiedLog,
): Promise<UnloggedCertificate[]> {
  const serials = new Set(seen.map(({ serial }) => serial));
  const issues = new Map<string, Event[]>();
  await issuance.each(
    ['"issue"'],
    (event) => event["op"] === "issue" && serials.has(serialOf(event)),
    ({ event }) => {
      const serial = serialOf(event);
      issues.set(serial, [...(issues.get(serial) ?? []), event]);
      return true;
    },
  );
  return seen.flatMap((certificate) => {
    const code = judge(certificate, issues.get(certificate.serial) ?? []);
    return code === undefined ? [] : [{ ...certificate, code }];
  });
}

function serialOf({ serial }: Event): string {
  return typeof serial === "string" ? plainSerial(serial) : "";
}

function judge(seen: SeenCertificate, issues: readonly Event[]): UnloggedCode | undefined {
  if (issues.length === 0) return "NOT_LOGGED";
  const named = issues.filter((issue) => isOf(seen, issue));
  if (named.length === 0) return "OTHER_NAME";
  const { sha256 } = seen;
  // what the gateway or an old inventory does not say cannot be compared
  return named.some(
    (issue) => sha256 === undefined || [undefined, sha256].includes(issue["sha256"] as string),
  )
    ? undefined
    : "OTHER_CERTIFICATE";
}

/** A gateway that tells no subject leaves nothing to compare. */
function isOf({ subject }: SeenCertificate, issue: Event): boolean {
  return subject === "" || holdersIn(issue).some((holder) => isNamed(subject, holder));
}
