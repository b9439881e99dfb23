import type { CertificateRequest } from "./wire/handshake.ts";
import { fits, type SigningKey } from "./wire/schemes.ts";
import type { TlsVersion } from "./wire/versions.ts";

/** The kinds of key that forged certificates can have. */
export const keyFamilies = [
  "p256",
  "p384",
  "p521",
  "rsa",
  "ed25519",
] as const satisfies readonly SigningKey[];
export type KeyFamily = (typeof keyFamilies)[number];

/** ClientCertificateType rsa_sign, all that TLS 1.0 and 1.1 say (RFC 4346, section 7.4.4). */
const RSA_SIGN = 1;

/** The families with which a client can answer a CertificateRequest. */
export function familiesFor(
  { schemes, certificateTypes }: Pick<CertificateRequest, "schemes" | "certificateTypes">,
  version: TlsVersion,
): KeyFamily[] {
  if (version === "1.0" || version === "1.1") {
    return certificateTypes?.includes(RSA_SIGN) === true ? ["rsa"] : [];
  }
  return keyFamilies.filter((family) => schemes.some((scheme) => fits(scheme, family, version)));
}
