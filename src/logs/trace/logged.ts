import type { Verification, VerifyRequest } from "../verify/verification.ts";
import type { VerifyParts } from "../verify/verify.ts";
import { openVerified } from "./verified-log.ts";

/** What a log of issuance says of certificates. */
export interface LoggedCertificates {
  readonly verification: Verification;
  /**
   * Those of the fingerprints asked for whose issue a verified batch records. It counts only where the
   * log stands as a whole.
   */
  readonly logged: ReadonlyMap<string, LoggedIssue>;
}

/** The first record of a certificate's issue. */
export interface LoggedIssue {
  /** Its batch. */
  readonly seq: number;
  /** Whether an anchor has that batch, or none need have. */
  readonly isCovered: boolean;
}

/** Certificates that can be asked for at once. */
const MAX_FOUND = 10_000;

/**
 * Looks for the issue of certificates in the signed log of a CA's inventory. A serial number would not
 * do: whoever has the CA's key can give a certificate any.
 * @param fingerprints SHA-256 of the certificates' DER, in lower-case hex
 */
export async function loggedCertificates(
  fingerprints: readonly string[],
  request: VerifyRequest,
  parts: VerifyParts,
): Promise<LoggedCertificates> {
  const log = await openVerified(request, parts);
  const left = new Set<unknown>(fingerprints);
  const { events } = await log.find(
    fingerprints,
    (event) => event["op"] === "issue" && left.has(event["sha256"]),
    MAX_FOUND,
  );
  const logged = new Map<string, LoggedIssue>();
  for (const { event, seq } of events) {
    const fingerprint = event["sha256"] as string;
    if (!logged.has(fingerprint)) logged.set(fingerprint, { seq, isCovered: log.covers(seq) });
  }
  return { verification: log.verification, logged };
}
