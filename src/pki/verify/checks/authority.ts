import { isSelfIssued } from "../certificate.ts";
import type { Fault, Step } from "./step.ts";

/** Section 6.1.4 (k) and (n): what signs a certificate is a CA, of version 3, and may do so. */
export function* checkAuthority({ certificate, isEnd }: Step): Iterable<Fault> {
  if (isEnd) return;
  const { basicConstraints, keyUsage, version } = certificate;
  if (version !== 3) {
    yield { code: "not-a-ca", message: `is of version ${version}, which cannot say that it is a CA` };
  } else if (basicConstraints?.ca !== true) {
    yield { code: "not-a-ca", message: "has issued a certificate but is no CA" };
  }
  if (keyUsage !== undefined && !keyUsage.includes("keyCertSign")) {
    yield {
      code: "key-usage",
      message: "has issued a certificate, but its key usage does not allow keyCertSign",
    };
  }
}

/** Section 6.1.4 (l): the trust anchor and self-issued certificates are not counted, nor is the end. */
export function* checkPathLength({ certificate, issuer, isEnd, state }: Step): Iterable<Fault> {
  if (isEnd || issuer === undefined || isSelfIssued(certificate)) return;
  if (state.maxPathLength <= 0) {
    yield { code: "path-length", message: "is one CA more than the path may have" };
  }
}
