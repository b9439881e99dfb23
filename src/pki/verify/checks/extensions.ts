import { type Certificate, hasSameKey, isSelfIssued } from "../certificate.ts";
import { EXTENSION_RULES, extensionName } from "../extensions.ts";
import type { Fault, Step } from "./step.ts";

/** Sections 6.1.4 (o) and 6.1.5 (e), (f), and the demands of section 4.2.1 on each extension. */
export function* checkExtensions(step: Step): Iterable<Fault> {
  yield* criticality(step.certificate);
  yield* presence(step);
  yield* consistency(step.certificate);
}

function* criticality({ extensions, basicConstraints }: Certificate): Iterable<Fault> {
  for (const { oid, critical } of extensions) {
    const rule = EXTENSION_RULES.get(oid);
    const name = extensionName(oid);
    if (rule?.refused === true) {
      const message = `has the extension ${name}, by which it is limited and which is not processed here`;
      yield { code: "unknown-critical-extension", message };
    } else if (critical && rule?.critical === "must-not") {
      yield { code: "wrong-criticality", message: `has a critical ${name}, which must not be critical` };
    } else if (critical && rule?.processed !== true) {
      const message = `has the critical extension ${name}, which is not processed here`;
      yield { code: "unknown-critical-extension", message };
    } else if (!critical && rule?.critical === "must") {
      yield { code: "wrong-criticality", message: `has a ${name} that is not critical` };
    } else if (!critical && rule?.name === "basicConstraints" && basicConstraints?.ca === true) {
      yield { code: "wrong-criticality", message: "is a CA whose basicConstraints is not critical" };
    }
  }
}

/** Sections 4.2.1.1 to 4.2.1.3; only a self-signed certificate may leave its issuer's key unnamed. */
function* presence(step: Step): Iterable<Fault> {
  const { certificate } = step;
  if (certificate.authorityKeyId?.keyId === undefined && !isSelfSigned(step)) {
    yield { code: "missing-extension", message: "has no authority key identifier" };
  }
  if (certificate.basicConstraints?.ca === true && certificate.subjectKeyId === undefined) {
    yield { code: "missing-extension", message: "is a CA without a subject key identifier" };
  }
  if (certificate.basicConstraints?.ca === true && certificate.keyUsage === undefined) {
    yield { code: "missing-extension", message: "is a CA without a key usage" };
  }
}

/** An anchor that signed itself with SHA-1, which is not verified here, shows it by its names. */
function isSelfSigned({ certificate, issuer, work }: Step): boolean {
  if (issuer !== undefined) return hasSameKey(certificate, issuer);
  return isSelfIssued(certificate) || work.signatureFault(certificate, certificate) === undefined;
}

/** Sections 4.2.1.3, 4.2.1.9 and 4.2.1.10: what belongs to a CA stands in no other certificate. */
function* consistency({ basicConstraints, keyUsage, nameConstraints }: Certificate): Iterable<Fault> {
  const isCa = basicConstraints?.ca === true;
  const mayIssue = keyUsage?.includes("keyCertSign") === true;
  if (!isCa && mayIssue) {
    yield { code: "inconsistent-extensions", message: "allows keyCertSign but is no CA" };
  }
  if (!isCa && nameConstraints !== undefined) {
    yield { code: "inconsistent-extensions", message: "has name constraints but is no CA" };
  }
  if (basicConstraints?.pathLength !== undefined && !(isCa && (keyUsage === undefined || mayIssue))) {
    yield { code: "inconsistent-extensions", message: "has a path length but may not issue certificates" };
  }
}
