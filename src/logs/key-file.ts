import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { FleetsecError } from "../errors.ts";
import type { Files, OpenFile } from "../platform/files.ts";
import { parseBase64 } from "./base64.ts";
import { type LogSigner, localSigner } from "./signer.ts";
import { formatVerifierKey, parseVerifierKey, type VerifierKey, verifierKey } from "./verifier-key.ts";

/**
 * Private keys of logs, as files. Ed25519: the one line that Go's `sumdb/note` calls a signer key,
 * `PRIVATE+KEY+NAME+KEYID+BASE64(01 || seed)`. P-256, for which there is no such form: a line
 * `name: NAME`, then PKCS #8 PEM, which OpenSSL reads as it stands. A key of either type that is
 * encrypted has that second form, and so has one that stays in a token: PEM of its PKCS#11 URI.
 */
export type LogKeyType = "ed25519" | "p256";

/** Gives the private key in encrypted PKCS #8 PEM. @throws FleetsecError `passphrase` */
export type Unlock = (pem: string, what: string) => KeyObject;

const MAX_KEY_FILE = 16 << 10;
/** RFC 8410: the PKCS #8 form of an Ed25519 seed, up to the seed. */
const ED25519_PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
const SEED_SIZE = 32;

/** A new private key of that type. */
export function generateLogKey(type: LogKeyType): KeyObject {
  return type === "ed25519"
    ? generateKeyPairSync("ed25519").privateKey
    : generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

/** The verifier key that belongs to a private key. @throws FleetsecError `input` on a name that is none */
export function verifierKeyOf(name: string, type: LogKeyType, privateKey: KeyObject): VerifierKey {
  return verifierKey(name, type, createPublicKey(privateKey));
}

/** What the file of a private key holds that is not there as it is. @param pem encrypted PKCS #8, or of a URI */
export function formatNamedPem(name: string, pem: string): string {
  return `name: ${name}\n${pem}`;
}

const NAMED_URI =
  /^name: ([^\n]{1,255})\n(-----BEGIN PKCS#11 PROVIDER URI-----\n[^-]+-----END PKCS#11 PROVIDER URI-----\n?)$/;

/**
 * The log's name, and the PEM that names its key in a token; undefined for a file of another form.
 * @throws FleetsecError `not-found`, `permission`, `input`
 */
export function readTokenKeyFile(files: Files, path: string): { name: string; pem: string } | undefined {
  const [, name, pem] = NAMED_URI.exec(files.readText(path, MAX_KEY_FILE)) ?? [];
  return name === undefined || pem === undefined ? undefined : { name, pem };
}

/** Longer than what stands before a key in any file that OpenSSL or we write. */
const HEAD = 4096;
/** PEM (RFC 7468, RFC 1421) with a line of its base64, or all of it: a line that only looks like its first holds no key. */
const PEM_KEY =
  /^-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY-----\s*(?:(?:Proc-Type|DEK-Info): [^\n]*\n\s*)*(?:[A-Za-z0-9+/=]+[ \t\r]*\n)*(?:[A-Za-z0-9+/=]{40}|-----END )/m;
/** The form of Go's `note`, in the first line. */
const SIGNER_KEY = /^PRIVATE\+KEY\+\S+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]{40}/;

/** Whether a private key, of a log or of anything else, stands where a file that holds one has it. */
export function holdsPrivateKey(file: Pick<OpenFile, "read">): boolean {
  const bytes = Buffer.alloc(HEAD);
  const head = bytes.toString("latin1", 0, file.read(bytes, 0));
  return SIGNER_KEY.test(head) || PEM_KEY.test(head);
}

/** What a private key's file holds. */
export function formatKeyFile(key: VerifierKey, privateKey: KeyObject): string {
  if (key.type === "p256") {
    return `name: ${key.name}\n${privateKey.export({ type: "pkcs8", format: "pem" }) as string}`;
  }
  const seed = privateKey.export({ type: "pkcs8", format: "der" }).subarray(-SEED_SIZE);
  const [, id = ""] = formatVerifierKey(key).split("+");
  return `PRIVATE+KEY+${key.name}+${id}+${Buffer.concat([Buffer.of(1), seed]).toString("base64")}\n`;
}

/**
 * The signer whose private key a file holds.
 * @param what what is being read, for messages: a path
 * @param unlock opens an encrypted key; without it one is refused
 * @throws FleetsecError `input` on anything but such a file, `passphrase`
 */
export function parseKeyFile(text: string, what: string, unlock?: Unlock): LogSigner {
  if (text.startsWith("PRIVATE+KEY+")) return parseSignerKey(text, what);
  const [, name, pem, encrypted] = NAMED_KEY.exec(text) ?? [];
  if (name === undefined || pem === undefined) throw notASignerKey(what);
  if (encrypted === undefined) {
    const privateKey = readKey({ key: pem, format: "pem" }, what);
    return localSigner(verifierKeyOf(name, "p256", privateKey), privateKey);
  }
  if (unlock === undefined) {
    throw new FleetsecError("passphrase", `${what} is encrypted and there is no passphrase for it`);
  }
  const privateKey = unlock(pem, what);
  const type = privateKey.asymmetricKeyType === "ed25519" ? "ed25519" : "p256";
  return localSigner(verifierKeyOf(name, type, privateKey), privateKey);
}

const NAMED_KEY =
  /^name: ([^\n]{1,255})\n(-----BEGIN (ENCRYPTED )?PRIVATE KEY-----\n[^-]+-----END (?:ENCRYPTED )?PRIVATE KEY-----\n?)$/;

function parseSignerKey(text: string, what: string): LogSigner {
  const [, name = "", id = "", base64 = ""] =
    /^PRIVATE\+KEY\+([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)\n?$/u.exec(text) ?? [];
  const bytes = parseBase64(base64);
  if (bytes?.length !== 1 + SEED_SIZE || bytes[0] !== 1) throw notASignerKey(what);
  const der = Buffer.concat([ED25519_PKCS8, bytes.subarray(1)]);
  const privateKey = readKey({ key: der, format: "der", type: "pkcs8" }, what);
  const key = verifierKeyOf(name, "ed25519", privateKey);
  if (key.keyId !== Number.parseInt(id, 16)) {
    throw new FleetsecError("input", `${what} does not have the key id that it states`, {
      hint: "the file is damaged: restore it from a backup",
    });
  }
  return localSigner(key, privateKey);
}

function readKey(input: Parameters<typeof createPrivateKey>[0], what: string): KeyObject {
  try {
    return createPrivateKey(input);
  } catch (cause) {
    throw new FleetsecError("input", `${what} holds no private key that can be read`, { cause });
  }
}

function notASignerKey(what: string): FleetsecError {
  return new FleetsecError("input", `${what} is no private key of a log`, {
    hint: "make one with fleetsec logs keygen",
  });
}

/**
 * Reads a private key's file, which nobody but its owner may be able to read.
 * @throws FleetsecError `not-found`, `permission`, `input`
 */
export function readKeyFile(files: Files, path: string, unlock?: Unlock): LogSigner {
  const signer = parseKeyFile(files.readText(path, MAX_KEY_FILE), path, unlock);
  if ((files.stat(path).mode & 0o077) !== 0) {
    throw new FleetsecError("permission", `${path} can be read by others than its owner`, {
      hint: `chmod 600 ${path}`,
    });
  }
  return signer;
}

/** Whether a passphrase is needed to read a private key's file. */
export function isEncryptedKeyFile(files: Files, path: string): boolean {
  return files.readText(path, MAX_KEY_FILE).includes("-----BEGIN ENCRYPTED PRIVATE KEY-----");
}

/** The verifier keys in a `.pub` file, one a line; empty lines and lines that begin with # are passed over. */
export function parsePublicKeys(text: string): VerifierKey[] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map(parseVerifierKey);
}
