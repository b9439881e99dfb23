import type { DefectCode } from "./certificate.ts";
import type { SignatureFault } from "./signature.ts";

/** Why a path is not valid, or why that could not be established; a closed set, in the order of the checks. */
export type ReasonCode =
  /** Nothing is trusted, so nothing can be judged. */
  | "no-trust-anchor"
  /** No chain of issuers leads from the certificate to a trust anchor. */
  | "no-path"
  /** The search for a path, or a check, was given up at its bound. */
  | "too-complex"
  | DefectCode
  | "weak-key"
  | SignatureFault["code"]
  | "not-yet-valid"
  | "expired"
  | "revoked"
  /** There is no CRL of the issuer. */
  | "no-crl"
  /** There is one, but it is past its nextUpdate. */
  | "stale-crl"
  /** There is one, but it is not signed by the issuer, or asks for what is not processed here. */
  | "unusable-crl"
  /** The inventory of the project's CA, which knows of a revocation first, cannot be read. */
  | "no-inventory"
  | "name-chaining"
  | "name-constraints"
  | "empty-name"
  | "not-a-ca"
  | "path-length"
  | "key-usage"
  | "unknown-critical-extension"
  | "wrong-criticality"
  | "missing-extension"
  | "inconsistent-extensions"
  | "extended-key-usage"
  | "name-mismatch"
  /** The signed log of issuance does not have it. */
  | "not-logged"
  /** That log is altered: nothing that it says counts. */
  | "log-altered"
  /** That log could not be verified. */
  | "log-not-verified"
  /** That log has it, and nothing outside the log's store bounds what its end could be missing. */
  | "log-not-anchored";

export interface Reason {
  readonly code: ReasonCode;
  /** Lowercase, no full stop, said of the certificate; may quote it, so escape it for display. */
  readonly message: string;
  /** The place of the certificate in the path; 0 is the one that was asked about. */
  readonly certificate: number;
}

/** Whether the reason shows the certificate not valid; otherwise it was not possible to tell. */
export function isFinding(code: ReasonCode): boolean {
  switch (code) {
    case "no-trust-anchor":
    case "too-complex":
    case "no-crl":
    case "stale-crl":
    case "unusable-crl":
    case "no-inventory":
    case "log-not-verified":
    case "log-not-anchored":
      return false;
    default:
      return true;
  }
}
