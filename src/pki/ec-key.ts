import { createECDH, type ECDH } from "node:crypto";
import { bitString, constructed, integer, octetString, oid, sequence } from "./der/write.ts";
import type { KeyType } from "./keys.ts";
import { oids } from "./oids.ts";
import { encodePem } from "./pem.ts";

/** The curves of RFC 5480, with OpenSSL's names of them and the length of their numbers in bytes. */
const CURVES = {
  p256: { name: "prime256v1", oid: oids.secp256r1, size: 32 },
  p384: { name: "secp384r1", oid: oids.secp384r1, size: 48 },
} as const;

/** A private key that is to be written, and its public key. */
export interface EncodedKey {
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** PKCS #8 PEM. */
  readonly pem: string;
}

/**
 * A new EC key, encoded here: OpenSSL 3 takes longer to encode a key (0.3 ms for both forms) than to
 * make it, and a fleet has many. A JWK would give its numbers as fast, but Node 20 deadlocks where
 * a garbage collection falls into its export.
 * @returns undefined for a key that is not on a curve
 */
export function newEcKey(type: KeyType): EncodedKey | undefined {
  if (type !== "p256" && type !== "p384") return undefined;
  const { name, oid: curve, size } = CURVES[type];
  // setting up a curve takes longer than making a key on it
  const pair = (pairs[type] ??= createECDH(name));
  // an uncompressed point (SEC 1 section 2.3.3)
  const point = pair.generateKeys();
  return encodeEcKey(curve, padded(pair.getPrivateKey(), size), point);
}

/** Each holds the key that it made last. */
const pairs: Partial<Record<KeyType, ECDH>> = {};

/** SubjectPublicKeyInfo (RFC 5480 section 2), and PKCS #8 around an ECPrivateKey (RFC 5915). */
export function encodeEcKey(curve: string, secret: Uint8Array, point: Uint8Array): EncodedKey {
  const algorithm = sequence(oid(oids.ecPublicKey), oid(curve));
  const publicKey = bitString(point);
  const ecPrivateKey = sequence(integer(1), octetString(secret), constructed(1, publicKey));
  return {
    spki: sequence(algorithm, publicKey),
    pem: encodePem("PRIVATE KEY", sequence(integer(0), algorithm, octetString(ecPrivateKey))),
  };
}

/** Node leaves leading zero bytes out. */
function padded(secret: Uint8Array, size: number): Uint8Array {
  return Buffer.concat([Buffer.alloc(size - secret.length), secret]);
}
