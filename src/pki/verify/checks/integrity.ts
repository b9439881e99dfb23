import { isoTime } from "../time.ts";
import { revocabilityOf } from "../revocation.ts";
import type { Fault, Step } from "./step.ts";

/**
 * Whether it could be read as RFC 5280 section 4.1 has it. A trust anchor is known by its name and
 * key: what number it gave itself does not matter, and some public roots are number 0.
 */
export function checkDefects({ certificate, issuer }: Step): readonly Fault[] {
  return certificate.defects.filter(({ code }) => issuer !== undefined || code !== "serial-number");
}

/** Every key of the path counts: the chain is as strong as its weakest. */
export function* checkKey({ certificate, work }: Step): Iterable<Fault> {
  const { weakness } = work.keyOf(certificate);
  if (weakness !== undefined) yield { code: "weak-key", message: `has ${weakness}` };
}

/** The anchor's own signature proves nothing and is not looked at. */
export function* checkSignature({ certificate, issuer, work }: Step): Iterable<Fault> {
  const fault = issuer === undefined ? undefined : work.signatureFault(certificate, issuer);
  if (fault !== undefined) yield fault;
}

/** Section 4.1.2.5: from notBefore through notAfter, inclusive; the last second counts to its end. */
export function* checkValidity({ certificate, request }: Step): Iterable<Fault> {
  const { notBefore, notAfter } = certificate;
  const at = Math.floor(request.at / 1000) * 1000;
  if (at < notBefore) yield { code: "not-yet-valid", message: `is valid only from ${isoTime(notBefore)}` };
  if (at > notAfter) yield { code: "expired", message: `expired at ${isoTime(notAfter)}` };
}

/** With CRLs at hand, the end of the path must be found in none and be covered by one. */
export function* checkRevocation({
  certificate,
  issuer,
  isEnd,
  state,
  request,
  work,
}: Step): Iterable<Fault> {
  if (issuer === undefined || request.crls === undefined) return;
  const revocability = revocabilityOf(certificate, issuer, request.crls, request.at, work);
  if (typeof revocability !== "string") {
    yield revocability;
  } else if (revocability === "unchecked" && isEnd) {
    yield { code: "no-crl", message: "has no CRL by its issuer" };
  } else {
    state.revocation.set(certificate, revocability);
  }
}
