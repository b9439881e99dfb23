import { nullValue, oid, sequence } from "./der/write.ts";
import type { AnyKeyType, Hash } from "./keys.ts";
import { oids } from "./oids.ts";

const ECDSA: Readonly<Record<Hash, string>> = {
  sha1: oids.ecdsaWithSHA1,
  sha256: oids.ecdsaWithSHA256,
  sha384: oids.ecdsaWithSHA384,
  sha512: oids.ecdsaWithSHA512,
};

const RSA: Readonly<Record<Hash, string>> = {
  sha1: oids.sha1WithRSAEncryption,
  sha256: oids.sha256WithRSAEncryption,
  sha384: oids.sha384WithRSAEncryption,
  sha512: oids.sha512WithRSAEncryption,
};

/**
 * AlgorithmIdentifier of a signature: parameters are NULL for RSA (RFC 4055 section 5) and absent
 * for ECDSA (RFC 5758 section 3.2) and Ed25519 (RFC 8410 section 3).
 */
export function signatureAlgorithm(keyType: AnyKeyType, hash: Hash): Uint8Array {
  if (keyType === "ed25519") return sequence(oid(oids.ed25519));
  return keyType.startsWith("rsa") ? sequence(oid(RSA[hash]), nullValue()) : sequence(oid(ECDSA[hash]));
}
