import type { CertificateRequest } from "./handshake.ts";
import type { TlsVersion } from "./versions.ts";

/** The kinds of key that client certificates have, as signature schemes tell them apart. */
export const keyFamilies = ["p256", "p384", "p521", "rsa", "ed25519"] as const;
export type KeyFamily = (typeof keyFamilies)[number];

/** SignatureScheme code points: RFC 8446, section 4.2.3; for TLS 1.2, hash and signature of RFC 5246. */
const rsaPkcs1 = [0x0201, 0x0301, 0x0401, 0x0501, 0x0601];
const rsaPssRsae = [0x0804, 0x0805, 0x0806];
const ecdsaOnAnyCurve = [0x0203, 0x0303, 0x0403, 0x0503, 0x0603];

const schemesOf: Readonly<Record<KeyFamily, { "1.2": readonly number[]; "1.3": readonly number[] }>> = {
  // TLS 1.3 binds each ECDSA scheme to a curve; TLS 1.2 does not
  p256: { "1.2": ecdsaOnAnyCurve, "1.3": [0x0403] },
  p384: { "1.2": ecdsaOnAnyCurve, "1.3": [0x0503] },
  p521: { "1.2": ecdsaOnAnyCurve, "1.3": [0x0603] },
  // in TLS 1.3, PKCS #1 v1.5 signs certificates only, never the handshake
  rsa: { "1.2": [...rsaPkcs1, ...rsaPssRsae], "1.3": rsaPssRsae },
  ed25519: { "1.2": [0x0807], "1.3": [0x0807] },
};

/** ClientCertificateType rsa_sign, all that TLS 1.0 and 1.1 say (RFC 4346, section 7.4.4). */
const RSA_SIGN = 1;

/** The families with which a client can answer a CertificateRequest. */
export function familiesFor(
  { schemes, certificateTypes }: Pick<CertificateRequest, "schemes" | "certificateTypes">,
  version: TlsVersion,
): KeyFamily[] {
  if (version === "1.0" || version === "1.1")
    return certificateTypes?.includes(RSA_SIGN) === true ? ["rsa"] : [];
  return keyFamilies.filter((family) =>
    schemesOf[family][version].some((scheme) => schemes.includes(scheme)),
  );
}
