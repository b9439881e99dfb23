import { createPublicKey, generateKeyPair, type KeyObject, sign as cryptoSign } from "node:crypto";
import { promisify } from "node:util";
import { FleetsecError } from "../errors.ts";

/** The key types that roles can allow. */
export type KeyType = "p256" | "p384" | "ed25519" | "rsa3072";

/** Every key type that a CA or a forger may hold: the probe forges with RSA-1024 too. */
export type AnyKeyType = "p256" | "p384" | "p521" | "ed25519" | `rsa${number}`;

export type Hash = "sha1" | "sha256" | "sha384" | "sha512";

export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** A private key that can sign, wherever it is kept: in memory, or behind PKCS#11. */
export interface Signer {
  readonly keyType: AnyKeyType;
  /** The public key as DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /**
   * Signs `data` and gives the signature as X.509 carries it: ECDSA as a DER sequence, RSA as
   * PKCS #1 v1.5, Ed25519 as 64 bytes. `hash` means nothing to Ed25519.
   * @param hash the default of the key type unless told
   */
  sign(data: Uint8Array, hash?: Hash): Promise<Uint8Array>;
  /** The key itself, where it is in memory: other threads can sign with it, too. */
  readonly privateKey?: KeyObject;
}

const generate = promisify(generateKeyPair);

/** A new key pair, made on the thread pool. */
export async function generateKey(type: AnyKeyType): Promise<KeyPair> {
  if (type === "ed25519") return generate("ed25519");
  const namedCurve = CURVES[type];
  if (namedCurve !== undefined) return generate("ec", { namedCurve });
  return generate("rsa", { modulusLength: Number(type.slice("rsa".length)) });
}

/** A signer over a private key in memory. @throws FleetsecError `input` for a key of another kind */
export function keySigner(privateKey: KeyObject): Signer {
  const keyType = keyTypeOf(privateKey);
  return {
    keyType,
    spki: spkiOf(privateKey),
    privateKey,
    async sign(data, hash = defaultHash(keyType)) {
      return cryptoSign(keyType === "ed25519" ? null : hash, data, privateKey);
    },
  };
}

/** DER SubjectPublicKeyInfo of a private or public key. */
export function spkiOf(key: KeyObject): Uint8Array {
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  return publicKey.export({ type: "spki", format: "der" });
}

/** A public key from its DER SubjectPublicKeyInfo. @throws FleetsecError `input` */
export function publicKeyOf(spki: Uint8Array): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
  } catch (cause) {
    throw new FleetsecError("input", "the public key cannot be read", { cause });
  }
}

/** @throws FleetsecError `input` for a key that fleetsec cannot work with */
export function keyTypeOf(key: KeyObject): AnyKeyType {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case "ed25519":
      return "ed25519";
    case "rsa":
      return `rsa${modulusLength ?? 0}`;
    case "ec": {
      const type = Object.entries(CURVES).find(([, curve]) => curve === namedCurve)?.[0];
      if (type !== undefined) return type as AnyKeyType;
    }
  }
  throw new FleetsecError(
    "input",
    `keys of type ${namedCurve ?? key.asymmetricKeyType ?? "unknown"} are not supported`,
    { hint: "use P-256, P-384, P-521, Ed25519 or RSA" },
  );
}

/** A hash as strong as the curve: SHA-384 for P-384, SHA-512 for P-521, otherwise SHA-256. */
export function defaultHash(keyType: AnyKeyType): Hash {
  if (keyType === "p384") return "sha384";
  return keyType === "p521" ? "sha512" : "sha256";
}

/** OpenSSL's names of the curves. */
const CURVES: Readonly<Record<string, string>> = {
  p256: "prime256v1",
  p384: "secp384r1",
  p521: "secp521r1",
};
