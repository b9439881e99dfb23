import type { Event } from "../lint/event.ts";
import type { Verification, VerifyRequest } from "../verify/verification.ts";
import type { VerifyParts } from "../verify/verify.ts";
import { openVerified } from "./verified-log.ts";

/** What a log of issuance says of certificates. */
export interface LoggedCertificates {
  readonly verification: Verification;
  /**
   * Those that were asked for whose issue a verified batch records, by their fingerprints. It counts only
   * where the log stands as a whole.
   */
  readonly logged: ReadonlyMap<string, LoggedIssue>;
}

/** A certificate as a log of issuance has it. */
export interface LoggedIssue {
  /** The batch of the first record of its issue. */
  readonly seq: number;
  /** Whether an anchor has that batch, or none need have. */
  readonly isCovered: boolean;
  readonly revoked: LoggedRevocation | undefined;
  /** The highest number of a CRL by the CA that issued it. */
  readonly crl: number | undefined;
}

/** As the record says; escape it for display. */
export interface LoggedRevocation {
  readonly seq: number;
  readonly at: string;
  readonly reason: string;
}

/** A certificate that is asked for. */
export interface SoughtCertificate {
  /** SHA-256 of its DER, in lower-case hex. */
  readonly fingerprint: string;
  /** As the inventory writes it. */
  readonly serial: string;
}

/**
 * Looks for the issue and the revocation of certificates in the signed log of a CA's inventory. For the issue
 * a serial number would not do: whoever has the CA's key can give a certificate any.
 */
export async function loggedCertificates(
  sought: readonly SoughtCertificate[],
  request: VerifyRequest,
  parts: VerifyParts,
): Promise<LoggedCertificates> {
  const log = await openVerified(request, parts);
  const serials = new Map(sought.map(({ fingerprint, serial }) => [fingerprint, serial]));
  const issues = new Map<string, { readonly seq: number; readonly authority: unknown }>();
  const revocations = new Map<string, LoggedRevocation>();
  const crls = new Map<unknown, number>();
  const wanted = new Set<unknown>(serials.values());
  await log.each(
    [...serials.keys(), ...serials.values(), '"crl"'],
    ({ op, sha256, serial }) =>
      op === "crl" ||
      (op === "revoke" && wanted.has(serial)) ||
      (op === "issue" && serials.has(textOf(sha256))),
    ({ event, seq }) => {
      const { op, sha256, serial, authority, number, at, reason } = event;
      if (op === "crl") {
        if (typeof number === "number") crls.set(authority, Math.max(number, crls.get(authority) ?? 0));
      } else if (op === "revoke") {
        const key = textOf(serial);
        if (!revocations.has(key)) revocations.set(key, { seq, at: textOf(at), reason: textOf(reason) });
      } else if (!issues.has(textOf(sha256))) issues.set(textOf(sha256), { seq, authority });
      return true;
    },
  );
  const logged = new Map<string, LoggedIssue>();
  for (const [fingerprint, { seq, authority }] of issues) {
    logged.set(fingerprint, {
      seq,
      isCovered: log.covers(seq),
      revoked: revocations.get(serials.get(fingerprint) ?? ""),
      crl: crls.get(authority),
    });
  }
  return { verification: log.verification, logged };
}

/** Longer than anything that an inventory says there. */
const MAX_TEXT = 100;

function textOf(value: Event[string] | undefined): string {
  return typeof value === "string" ? value.slice(0, MAX_TEXT) : "";
}
