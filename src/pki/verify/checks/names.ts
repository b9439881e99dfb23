import { oids } from "../../oids.ts";
import { authorityKeyFault } from "../authority-key.ts";
import { isSelfIssued } from "../certificate.ts";
import { isEmptyName } from "../name.ts";
import { constraintViolation } from "../name-constraints.ts";
import { carriesName } from "../peer-name.ts";
import type { Fault, Step } from "./step.ts";

/**
 * The name is always right in a path that was built here; a path may come from elsewhere. A trusted root is its own
 * issuer: OpenSSL takes one that names another for no root.
 */
export function* checkNameChaining({ certificate, issuer }: Step): Iterable<Fault> {
  if (issuer !== undefined && certificate.issuer.key !== issuer.subject.key) {
    yield { code: "name-chaining", message: "names another issuer than the certificate above it" };
  }
  const by = issuer ?? (isSelfIssued(certificate) ? certificate : undefined);
  const fault = by && authorityKeyFault(certificate.authorityKeyId, by);
  if (fault !== undefined) {
    yield { code: "name-chaining", message: `${fault}, by its authority key identifier` };
  }
}

/** Self-issued certificates are free of constraints, unless they end the path. */
export function* checkNameConstraints({ certificate, isEnd, state, work }: Step): Iterable<Fault> {
  if (isSelfIssued(certificate) && !isEnd) return;
  const violation = constraintViolation(certificate, state.constraints, work.comparisons, isEnd);
  if (violation === undefined) return;
  if ("message" in violation) {
    yield { code: "name-constraints", message: violation.message };
  } else {
    work.exhausted = true;
    yield { code: "too-complex", message: "has more names and name constraints above it than are compared" };
  }
}

/** Sections 4.1.2.4 and 4.1.2.6: who issued it and whom it stands for is said. */
export function* checkNames({ certificate, isEnd }: Step): Iterable<Fault> {
  if (isEmptyName(certificate.issuer)) yield { code: "empty-name", message: "has an empty issuer name" };
  if (!isEmptyName(certificate.subject)) return;
  if (!isEnd || certificate.basicConstraints?.ca === true) {
    yield { code: "empty-name", message: "is a CA with an empty subject name" };
    return;
  }
  const names = certificate.extensions.find(({ oid }) => oid === oids.subjectAltName);
  if (names === undefined) {
    yield { code: "empty-name", message: "has neither a subject nor a subject alternative name" };
  } else if (!names.critical) {
    yield {
      code: "wrong-criticality",
      message: "has an empty subject, but its subjectAltName is not critical",
    };
  }
}

export function* checkPeerName({ certificate, isEnd, request }: Step): Iterable<Fault> {
  if (!isEnd || request.peer === undefined || carriesName(certificate, request.peer)) return;
  const { type, value } = request.peer;
  const wanted = type === "ip" ? "IP address" : `name ${value}`;
  yield { code: "name-mismatch", message: `does not carry the ${wanted} that was asked for` };
}
