import { createCipheriv, createPrivateKey, type KeyObject, pbkdf2 } from "node:crypto";
import { promisify } from "node:util";
import { FleetsecError } from "../errors.ts";
import { derReader, readSingle, tags } from "./der/read.ts";
import { oidOf, smallIntegerOf } from "./der/values.ts";
import { integer, nullValue, octetString, oid, sequence } from "./der/write.ts";
import { oids } from "./oids.ts";
import { decodeSinglePem, encodePem } from "./pem.ts";

/** OWASP's figure for PBKDF2-HMAC-SHA256 of 2023. */
const PBKDF2_ITERATIONS = 600_000;
/** What a foreign file may ask for: some seconds of one core, and OpenSSL's own memory limit for scrypt. */
const MAX_ITERATIONS = 10_000_000;
const MAX_SCRYPT_MEMORY = 32 << 20;

const ENCRYPTED = "ENCRYPTED PRIVATE KEY";
const PLAIN = ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"];

const deriveKey = promisify(pbkdf2);

/** Cost and chance of an encryption; the count is lower only where a test needs many. */
export interface EncryptionParts {
  readonly random: (length: number) => Uint8Array;
  readonly iterations?: number;
}

/** A private key as unencrypted PKCS #8 PEM. */
export function privateKeyPem(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }) as string;
}

/**
 * A private key as encrypted PKCS #8 PEM: PBES2 with PBKDF2-HMAC-SHA256 and AES-256-CBC (RFC 8018).
 * Written out because Node's own `export({ cipher })` uses 2,048 iterations.
 */
export async function encryptedKeyPem(
  key: KeyObject,
  passphrase: string,
  { random, iterations = PBKDF2_ITERATIONS }: EncryptionParts,
): Promise<string> {
  const salt = random(16);
  const iv = random(16);
  const secret = await deriveKey(passphrase, salt, iterations, 32, "sha256");
  const cipher = createCipheriv("aes-256-cbc", secret, iv);
  const plain = key.export({ type: "pkcs8", format: "der" });
  const encrypted = Buffer.concat([cipher.update(plain), cipher.final()]);
  const parameters = sequence(
    octetString(salt),
    integer(iterations),
    sequence(oid(oids.hmacWithSHA256), nullValue()),
  );
  const scheme = sequence(
    sequence(oid(oids.pbkdf2), parameters),
    sequence(oid(oids.aes256Cbc), octetString(iv)),
  );
  return encodePem(ENCRYPTED, sequence(sequence(oid(oids.pbes2), scheme), octetString(encrypted)));
}

/**
 * A private key from PEM: PKCS #8, encrypted (PBES2 with PBKDF2 or scrypt) or not, SEC 1 or PKCS #1.
 * @param what what is being read, for messages: a path
 * @throws FleetsecError `input` for what is no key, `passphrase` where one is missing or wrong
 */
export function readPrivateKey(pem: string, what: string, passphrase?: string): KeyObject {
  const { label, der } = decodeSinglePem(keyOnly(pem), what, [ENCRYPTED, ...PLAIN]);
  if (label !== ENCRYPTED) return parseKey(what, encodePem(label, der));
  if (passphrase === undefined) {
    throw new FleetsecError("passphrase", `${what} is encrypted and there is no passphrase for it`);
  }
  checkCost(der, what);
  try {
    return createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8", passphrase });
  } catch (cause) {
    throw new FleetsecError("passphrase", `the passphrase for ${what} is wrong, or the file is damaged`, {
      cause,
    });
  }
}

/** Whether a private key's PEM needs a passphrase. */
export function isEncryptedKey(pem: string): boolean {
  return pem.startsWith(`-----BEGIN ${ENCRYPTED}-----`);
}

/** OpenSSL writes the curve of an EC key into a block before it. */
function keyOnly(pem: string): string {
  return pem.replace(/^-----BEGIN EC PARAMETERS-----[^-]{0,200}-----END EC PARAMETERS-----\r?\n/, "");
}

function parseKey(what: string, pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new FleetsecError("input", `${what} holds no private key that can be read`, { cause });
  }
}

/** A hostile file must not cost more than its reader agreed to (CVE-2023-5678 and its like). */
function checkCost(der: Uint8Array, what: string): void {
  const info = derReader(readSingle(der, tags.sequence, what).contents, what);
  const algorithm = derReader(info.next(tags.sequence).contents, what);
  if (oidOf(algorithm.next(tags.oid), what) !== oids.pbes2) throw unsupported(what);
  const scheme = derReader(algorithm.next(tags.sequence).contents, what);
  const derivation = derReader(scheme.next(tags.sequence).contents, what);
  const method = oidOf(derivation.next(tags.oid), what);
  const parameters = derReader(derivation.next(tags.sequence).contents, what);
  parameters.next(tags.octetString);
  const number = () => smallIntegerOf(parameters.next(tags.integer), what);
  if (method === oids.pbkdf2) {
    if (number() > MAX_ITERATIONS) throw tooCostly(what);
  } else if (method === oids.scrypt) {
    const [cost, blockSize, parallel] = [number(), number(), number()];
    if (128 * cost * blockSize > MAX_SCRYPT_MEMORY || parallel > 16) throw tooCostly(what);
  } else throw unsupported(what);
}

function unsupported(what: string): FleetsecError {
  return new FleetsecError("input", `${what} is encrypted in a way that is not supported`, {
    hint: "convert it with openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -iter 600000",
  });
}

function tooCostly(what: string): FleetsecError {
  return new FleetsecError("input", `${what} asks for more key derivation than fleetsec does`);
}
