import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { FleetsecError } from "../errors.ts";
import { parseBase64 } from "./base64.ts";
import { sha256 } from "./merkle.ts";
import { isKeyName, type Note, type NoteSignature } from "./note.ts";

/** Verifier keys (C2SP signed-note, "vkeys"): `NAME+KEYID+BASE64(type || public key)`. */

/** The signature types that we read. The numbers are C2SP's. */
const TYPES = { ed25519: 0x01, p256: 0x02, "cosignature/v1": 0x04 } as const;
export type SignatureType = keyof typeof TYPES;

export interface VerifierKey {
  readonly name: string;
  readonly keyId: number;
  readonly type: SignatureType;
  readonly publicKey: KeyObject;
}

/** A cosignature: its time in seconds as a uint64, then the Ed25519 signature. */
const COSIGNATURE_SIZE = 8 + 64;

/**
 * A verifier key from its parts. The key id follows from them.
 * @throws FleetsecError `input` where the name or the public key is none for that type
 */
export function verifierKey(name: string, type: SignatureType, publicKey: KeyObject): VerifierKey {
  if (!isKeyName(name)) {
    throw new FleetsecError(
      "input",
      "a key's name must not be empty or have spaces, + or control characters",
    );
  }
  const details = publicKey.asymmetricKeyDetails;
  const fits =
    type === "p256"
      ? publicKey.asymmetricKeyType === "ec" && details?.namedCurve === "prime256v1"
      : publicKey.asymmetricKeyType === "ed25519";
  if (!fits) throw new FleetsecError("input", `the public key of ${name} is no ${type} key`);
  return { name, keyId: keyIdOf(name, type, encodePublic(type, publicKey)), type, publicKey };
}

/** @throws FleetsecError `input` unless it is exactly a verifier key of a type that we read */
export function parseVerifierKey(text: string): VerifierKey {
  const [, name = "", id = "", base64 = ""] = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/u.exec(text) ?? [];
  const bytes = parseBase64(base64);
  if (!isKeyName(name) || bytes === undefined) {
    throw new FleetsecError("input", "malformed verifier key: it is not NAME+KEYID+BASE64");
  }
  const type = (Object.keys(TYPES) as SignatureType[]).find((known) => TYPES[known] === bytes[0]);
  if (type === undefined) {
    throw new FleetsecError("input", `the verifier key of ${name} has a type that is not supported`, {
      hint: "Ed25519 (01), ECDSA P-256 (02) and cosignature/v1 (04) are",
    });
  }
  const key = verifierKey(name, type, decodePublic(name, type, bytes.subarray(1)));
  if (key.keyId !== Number.parseInt(id, 16)) {
    throw new FleetsecError("input", `the verifier key of ${name} does not have the key id that it states`);
  }
  return key;
}

export function formatVerifierKey({ name, keyId, type, publicKey }: VerifierKey): string {
  const bytes = Buffer.concat([Buffer.of(TYPES[type]), encodePublic(type, publicKey)]);
  return `${name}+${keyId.toString(16).padStart(8, "0")}+${bytes.toString("base64")}`;
}

/** The signature that this key made on the note, or undefined. It is not verified. */
export function signatureBy(key: VerifierKey, note: Note): NoteSignature | undefined {
  return note.signatures.find(({ name, keyId }) => name === key.name && keyId === key.keyId);
}

/** Whether `signature` (without the key id) is this key's over the note's text. */
export function verifySignature(key: VerifierKey, text: string | Uint8Array, signature: Uint8Array): boolean {
  const data = Buffer.from(text);
  switch (key.type) {
    case "ed25519":
      return verify(null, data, key.publicKey, signature);
    case "p256":
      return verify("sha256", data, key.publicKey, signature);
    case "cosignature/v1": {
      const time = cosignatureTime(signature);
      if (time === undefined) return false;
      return verify(null, cosignedMessage(text, time), key.publicKey, signature.subarray(8));
    }
  }
}

/** When a cosignature says that it was made, in seconds since the epoch; undefined where it is none. */
export function cosignatureTime(signature: Uint8Array): number | undefined {
  if (signature.length !== COSIGNATURE_SIZE) return undefined;
  const time = Number(Buffer.from(signature.subarray(0, 8)).readBigUInt64BE());
  return Number.isSafeInteger(time) ? time : undefined;
}

/** What a cosignature/v1 signs (C2SP tlog-cosignature). `time` is in seconds since the epoch. */
export function cosignedMessage(text: string | Uint8Array, time: number): Buffer {
  return Buffer.concat([Buffer.from(`cosignature/v1\ntime ${time}\n`), Buffer.from(text)]);
}

/** ECDSA keys are known by their SPKI alone; the others by name, type and key. */
function keyIdOf(name: string, type: SignatureType, publicKey: Uint8Array): number {
  const named = Buffer.from(`${name}\n`);
  const input = type === "p256" ? [publicKey] : [named, Buffer.of(TYPES[type]), publicKey];
  return sha256(Buffer.concat(input)).readUInt32BE();
}

/** RFC 5480: the SPKI of a P-256 key whose point is not compressed, up to the point's coordinates. */
const P256_SPKI = Buffer.from("3059301306072a8648ce3d020106082a8648ce3d03010703420004", "hex");

/** The one encoding of a public key; OpenSSL would keep a compressed point compressed. */
function encodePublic(type: SignatureType, publicKey: KeyObject): Buffer {
  const { x = "", y = "" } = publicKey.export({ format: "jwk" });
  const coordinates = [x, y].map((coordinate) => Buffer.from(coordinate, "base64url"));
  return Buffer.concat(type === "p256" ? [P256_SPKI, ...coordinates] : coordinates);
}

function decodePublic(name: string, type: SignatureType, bytes: Buffer): KeyObject {
  const malformed = () => new FleetsecError("input", `the verifier key of ${name} holds no ${type} key`);
  let key: KeyObject;
  try {
    key =
      type === "p256"
        ? createPublicKey({ key: bytes, format: "der", type: "spki" })
        : createPublicKey({
            key: { kty: "OKP", crv: "Ed25519", x: bytes.toString("base64url") },
            format: "jwk",
          });
  } catch {
    throw malformed();
  }
  // OpenSSL reads encodings that are not canonical, and bytes beyond the end
  if (!encodePublic(type, key).equals(bytes)) throw malformed();
  return key;
}
