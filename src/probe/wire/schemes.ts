import type { TlsVersion } from "./versions.ts";

/** The kinds of key that a certificate can have, as signature schemes tell them apart. */
export const signingKeys = ["p256", "p384", "p521", "rsa", "rsa-pss", "ed25519", "ed448"] as const;
export type SigningKey = (typeof signingKeys)[number];

/** How a SignatureScheme signs. */
export interface Scheme {
  readonly code: number;
  /** The keys that can sign so. */
  readonly keys: readonly SigningKey[];
  /** Undefined for Ed25519 and Ed448, which hash on their own. */
  readonly hash: "sha1" | "sha256" | "sha384" | "sha512" | undefined;
  /** Undefined for keys other than RSA. */
  readonly padding: "pkcs1" | "pss" | undefined;
}

const curves: readonly SigningKey[] = ["p256", "p384", "p521"];

const scheme = (
  code: number,
  keys: readonly SigningKey[],
  hash?: Scheme["hash"],
  padding?: Scheme["padding"],
): Scheme => ({ code, keys, hash, padding });

/**
 * Code points of RFC 8446, section 4.2.3; those of TLS 1.2 mean a hash and a signature (RFC 5246,
 * section 7.4.1.4.1) and leave the curve open. From the one that is liked best to the one that is not.
 */
const schemes: readonly Scheme[] = [
  scheme(0x0403, curves, "sha256"),
  scheme(0x0503, curves, "sha384"),
  scheme(0x0603, curves, "sha512"),
  scheme(0x0807, ["ed25519"]),
  scheme(0x0808, ["ed448"]),
  scheme(0x0804, ["rsa"], "sha256", "pss"),
  scheme(0x0805, ["rsa"], "sha384", "pss"),
  scheme(0x0806, ["rsa"], "sha512", "pss"),
  scheme(0x0809, ["rsa-pss"], "sha256", "pss"),
  scheme(0x080a, ["rsa-pss"], "sha384", "pss"),
  scheme(0x080b, ["rsa-pss"], "sha512", "pss"),
  scheme(0x0401, ["rsa"], "sha256", "pkcs1"),
  scheme(0x0501, ["rsa"], "sha384", "pkcs1"),
  scheme(0x0601, ["rsa"], "sha512", "pkcs1"),
  scheme(0x0203, curves, "sha1"),
  scheme(0x0201, ["rsa"], "sha1", "pkcs1"),
];

/** Every scheme that we can sign and verify with, as a ClientHello offers them. */
export const allSchemes: readonly number[] = schemes.map(({ code }) => code);

export function schemeOf(code: number): Scheme | undefined {
  return schemes.find((candidate) => candidate.code === code);
}

/** Each ECDSA scheme's curve in TLS 1.3. */
const curveOf: Readonly<Record<number, SigningKey>> = { 0x0403: "p256", 0x0503: "p384", 0x0603: "p521" };

/**
 * Whether a handshake of that version may be signed by such a key in that scheme. TLS 1.3 binds each
 * ECDSA scheme to a curve and leaves PKCS #1 v1.5 and SHA-1 to certificates (RFC 8446, section 4.2.3).
 */
export function fits(code: number, key: SigningKey, version: TlsVersion): boolean {
  const found = schemeOf(code);
  if (found === undefined || !found.keys.includes(key)) return false;
  if (version !== "1.3") return true;
  return curves.includes(key) ? curveOf[code] === key : found.padding !== "pkcs1";
}
