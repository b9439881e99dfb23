import { constants, type KeyObject, sign as cryptoSign, verify as cryptoVerify } from "node:crypto";
import { schemeOf, type SigningKey } from "./schemes.ts";

/** The kind of a private or public key; undefined for one that TLS has no signature for. */
export function kindOf(key: KeyObject): SigningKey | undefined {
  switch (key.asymmetricKeyType) {
    case "rsa":
    case "rsa-pss":
    case "ed25519":
    case "ed448":
      return key.asymmetricKeyType;
    case "ec":
      return CURVES[key.asymmetricKeyDetails?.namedCurve ?? ""];
  }
  return undefined;
}

const CURVES: Readonly<Record<string, SigningKey>> = {
  prime256v1: "p256",
  secp384r1: "p384",
  secp521r1: "p521",
};

/**
 * Signs as a SignatureScheme says, whether or not the protocol version allows it.
 * @param key of the kind that the scheme is for
 */
export function sign(code: number, key: KeyObject, data: Uint8Array): Uint8Array {
  const scheme = schemeOf(code);
  if (scheme === undefined) throw new RangeError(`unknown signature scheme ${code}`);
  return cryptoSign(scheme.hash ?? null, data, { key, ...paddingOf(scheme.padding) });
}

/** Whether the signature is of that key over that data. False, too, for a key of another kind. */
export function verify(code: number, key: KeyObject, data: Uint8Array, signature: Uint8Array): boolean {
  const scheme = schemeOf(code);
  const kind = kindOf(key);
  if (scheme === undefined || kind === undefined || !scheme.keys.includes(kind)) return false;
  try {
    return cryptoVerify(scheme.hash ?? null, data, { key, ...paddingOf(scheme.padding) }, signature);
  } catch {
    // OpenSSL throws for keys that cannot work, e.g. too small for the hash
    return false;
  }
}

/** RFC 8446, section 4.2.3: the salt of RSASSA-PSS is as long as the hash. */
function paddingOf(padding: "pkcs1" | "pss" | undefined) {
  if (padding === undefined) return {};
  return padding === "pkcs1"
    ? { padding: constants.RSA_PKCS1_PADDING }
    : { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
}
