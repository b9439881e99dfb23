import type { Certificate } from "./certificate.ts";
import { type PublicKey, readPublicKey } from "./key.ts";
import type { Comparisons } from "./name-constraints.ts";
import { type SignatureFault, signatureFault } from "./signature.ts";
import type { Signed } from "./signed.ts";

/** Signatures that one verification may check, and constraints that it may compare. */
const MAX_SIGNATURES = 100;
const MAX_COMPARISONS = 250_000;

/**
 * What one verification remembers and may still spend. An attacker chooses the certificates, so
 * the search is bounded by work done and not by good will; no signature is checked twice.
 */
export interface Work {
  keyOf(certificate: Certificate): PublicKey;
  /** What is wrong with a signature by this issuer; also when no more may be checked. */
  signatureFault(signed: Signed, issuer: Certificate): SignatureFault | Exhausted | undefined;
  readonly comparisons: Comparisons;
  /** Set when something was left unchecked: then a failure proves nothing. */
  exhausted: boolean;
}

export interface Exhausted {
  readonly code: "too-complex";
  readonly message: string;
}

export function startWork(): Work {
  const keys = new Map<Certificate, PublicKey>();
  const verdicts = new Map<Signed, Map<Certificate, SignatureFault | undefined>>();
  let signatures = 0;
  const work: Work = {
    comparisons: { left: MAX_COMPARISONS },
    exhausted: false,
    keyOf(certificate) {
      const known = keys.get(certificate) ?? readPublicKey(certificate.spki);
      keys.set(certificate, known);
      return known;
    },
    signatureFault(signed, issuer) {
      const known = verdicts.get(signed) ?? new Map<Certificate, SignatureFault | undefined>();
      verdicts.set(signed, known);
      if (known.has(issuer)) return known.get(issuer);
      if (signatures === MAX_SIGNATURES) {
        work.exhausted = true;
        return { code: "too-complex", message: `needs more than ${MAX_SIGNATURES} signatures checked` };
      }
      signatures += 1;
      const fault = signatureFault(signed, work.keyOf(issuer));
      known.set(issuer, fault);
      return fault;
    },
  };
  return work;
}
