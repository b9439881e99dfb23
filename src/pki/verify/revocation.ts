import { authorityKeyFault } from "./authority-key.ts";
import type { Certificate } from "./certificate.ts";
import type { Crl } from "./crl.ts";
import { extensionName } from "./extensions.ts";
import type { Reason } from "./reason.ts";
import { isoTime } from "./time.ts";
import type { Work } from "./work.ts";

/** What the CRLs say of one certificate. */
export type Revocability = "good" | "unchecked" | Omit<Reason, "certificate">;

/**
 * Looks a certificate up in its issuer's CRLs (RFC 5280 section 6.3, for complete lists by the
 * issuer itself, with its one key). A list counts only when it is signed by that issuer, current,
 * complete and understood whole; one that says "revoked" counts even when it is stale or partial.
 * @param at milliseconds since the Unix epoch
 */
export function revocabilityOf(
  certificate: Certificate,
  issuer: Certificate,
  crls: readonly Crl[],
  at: number,
  work: Work,
): Revocability {
  const faults: Exclude<Revocability, string>[] = [];
  let good = false;
  for (const crl of crls.filter((list) => list.issuer.key === issuer.subject.key)) {
    const fault = crlFault(crl, issuer, work);
    if (fault !== undefined) {
      faults.push({ code: "unusable-crl", message: fault });
      continue;
    }
    const revoked = crl.revoked.get(certificate.serial);
    if (revoked !== undefined) {
      return { code: "revoked", message: `was revoked at ${isoTime(revoked.at)}, reason ${revoked.reason}` };
    }
    const stale = ageFault(crl, at);
    const doubt = completenessFault(crl, issuer);
    if (doubt !== undefined) faults.push({ code: "unusable-crl", message: doubt });
    else if (stale === undefined) good = true;
    else faults.push({ code: "stale-crl", message: stale });
  }
  return good ? "good" : (faults[0] ?? "unchecked");
}

function crlFault(crl: Crl, issuer: Certificate, work: Work): string | undefined {
  const fault = work.signatureFault(crl, issuer);
  if (fault !== undefined) return `has a CRL that ${fault.message}`;
  if (issuer.keyUsage !== undefined && !issuer.keyUsage.includes("cRLSign")) {
    return "has a CRL by an issuer whose key usage does not allow cRLSign";
  }
  const [unprocessed] = crl.unprocessed;
  return unprocessed === undefined
    ? undefined
    : `has a CRL with the critical extension ${extensionName(unprocessed)}, which is not processed`;
}

/** Why a list shows nobody not revoked. */
function completenessFault({ partialBy, authorityKeyId }: Crl, issuer: Certificate): string | undefined {
  if (partialBy !== undefined) return `has a CRL that may be incomplete: it has ${partialBy}`;
  const fault = authorityKeyFault(authorityKeyId, issuer);
  return fault && `has a CRL that ${fault}`;
}

/** The instants themselves, and the last second to its end, belong to the period. */
function ageFault(crl: Crl, instant: number): string | undefined {
  const at = Math.floor(instant / 1000) * 1000;
  if (at < crl.thisUpdate) return `has a CRL that is only issued at ${isoTime(crl.thisUpdate)}`;
  if (at > crl.nextUpdate) return `has a CRL that was to be replaced by ${isoTime(crl.nextUpdate)}`;
  return undefined;
}
