import type { Certificate } from "./certificate.ts";
import { isSelfIssued } from "./certificate.ts";
import { checkAuthority, checkPathLength } from "./checks/authority.ts";
import { checkExtensions } from "./checks/extensions.ts";
import { checkNameChaining, checkNameConstraints, checkNames, checkPeerName } from "./checks/names.ts";
import {
  checkDefects,
  checkKey,
  checkRevocation,
  checkSignature,
  checkValidity,
} from "./checks/integrity.ts";
import { checkPurpose } from "./checks/purpose.ts";
import type { Fault, State, Step } from "./checks/step.ts";
import type { Reason } from "./reason.ts";
import type { PathEntry, Verdict, VerifyRequest } from "./request.ts";
import type { Work } from "./work.ts";

const MAX_INTERMEDIATES = 8;

/** What is asked of every certificate of a path, in this order. */
const CHECKS: readonly ((step: Step) => Iterable<Fault>)[] = [
  checkDefects, // 4.1, 4.2: well-formed, nothing twice
  checkKey, // strong enough, and of a type that is known
  checkSignature, // 6.1.3 (a)(1)
  checkValidity, // 6.1.3 (a)(2)
  checkRevocation, // 6.1.3 (a)(3)
  checkNameChaining, // 6.1.3 (a)(4)
  checkNameConstraints, // 6.1.3 (b), (c)
  checkNames, // 4.1.2.4, 4.1.2.6, 4.2.1.6
  checkAuthority, // 6.1.4 (k), (n)
  checkPathLength, // 6.1.4 (l), (m)
  checkExtensions, // 6.1.4 (o), 6.1.5 (e), (f); 4.2.1 on presence and criticality
  checkPurpose, // 4.2.1.3, 4.2.1.12
  checkPeerName, // RFC 9525
];

/**
 * Validates one path (RFC 5280 section 6.1), from the trust anchor down. All faults are reported,
 * not only the first. The anchor's own certificate limits what is below it (RFC 5937).
 * @param path from the certificate that is asked about to the trust anchor; at least two
 */
export function validatePath(path: readonly Certificate[], request: VerifyRequest, work: Work): Verdict {
  const state: State = {
    maxPathLength: request.maxIntermediates ?? MAX_INTERMEDIATES,
    constraints: [],
    revocation: new Map(),
  };
  const reasons: Reason[] = [];
  for (let index = path.length - 1; index >= 0; index -= 1) {
    const certificate = path[index];
    if (certificate === undefined) continue;
    const step: Step = { certificate, issuer: path[index + 1], isEnd: index === 0, state, request, work };
    for (const check of CHECKS) {
      for (const fault of check(step)) reasons.push({ ...fault, certificate: index });
    }
    prepareForNext(step);
  }
  return reasons.length === 0 ? { ok: true, path: path.map(entry(state)) } : { ok: false, path, reasons };
}

/** Section 6.1.4 (g), (l) and (m): what this certificate imposes on those below it. */
function prepareForNext({ certificate, issuer, state }: Step): void {
  if (issuer !== undefined && !isSelfIssued(certificate)) state.maxPathLength -= 1;
  const limit = certificate.basicConstraints?.pathLength;
  if (limit !== undefined && limit < state.maxPathLength) state.maxPathLength = limit;
  if (certificate.nameConstraints !== undefined) state.constraints.push(certificate.nameConstraints);
}

function entry(state: State) {
  return (certificate: Certificate, index: number, { length }: readonly Certificate[]): PathEntry => {
    const isAnchor = index === length - 1;
    const revocation = isAnchor ? "not-applicable" : (state.revocation.get(certificate) ?? "unchecked");
    return { certificate, revocation };
  };
}
