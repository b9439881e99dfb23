import { FleetsecError } from "../errors.ts";
import type { TokenKey, Tokens } from "../platform/pkcs11/tokens.ts";
import { formatPkcs11Uri, parsePkcs11Uri } from "../platform/pkcs11/uri.ts";
import { derReader, readSingle, tags } from "./der/read.ts";
import { element, sequence, utf8String } from "./der/write.ts";
import { isEncryptedKey, readPrivateKey } from "./key-file.ts";
import { defaultHash, type KeyType, keySigner, keyTypeOf, publicKeyOf, type Signer } from "./keys.ts";
import { encodePem } from "./pem.ts";

/**
 * A private key that is kept in a token stands in files as its PKCS#11 URI, in the form that
 * OpenSSL's pkcs11-provider reads: SEQUENCE { VisibleString, UTF8String }. So `key.pem` is what a
 * server is told in either case.
 */
const LABEL = "PKCS#11 PROVIDER URI";
const DESCRIPTION = "PKCS#11 Provider URI v1.0";
const VISIBLE_STRING = 0x1a;

/** A private key that can sign, and what stands in files for it. */
export interface StoredKey {
  readonly signer: Signer;
  /** PKCS #8 PEM, or the PEM of a URI. */
  readonly pem: string;
  /** Whether `pem` is the key itself. */
  readonly inFile: boolean;
}

/** Where keys come from. */
export interface KeySources {
  readonly tokens?: Tokens | undefined;
  /** Asked where the key is encrypted. */
  readonly passphrase?: (() => Promise<string>) | undefined;
}

/** A key in a token, as the rest of the PKI works with it. */
export function storedTokenKey(key: TokenKey): StoredKey {
  return { signer: tokenSigner(key), pem: tokenKeyPem(key.uri), inFile: false };
}

/**
 * The key that a PEM file holds, or names in a token.
 * @param what what is being read, for messages: a path
 * @throws FleetsecError as `readPrivateKey`, and what opening the token throws
 */
export async function openKey(pem: string, what: string, sources: KeySources = {}): Promise<StoredKey> {
  const uri = tokenUri(pem, what);
  if (uri === undefined) {
    const key = readPrivateKey(pem, what, isEncryptedKey(pem) ? await sources.passphrase?.() : undefined);
    return { signer: keySigner(key), pem, inFile: true };
  }
  if (sources.tokens === undefined) {
    throw new FleetsecError("input", `${what} names a key in a token, which cannot be used here`);
  }
  return storedTokenKey(await sources.tokens.open(uri));
}

/** Makes a key in a token. @param uri the token, with the key's label @throws FleetsecError */
export async function newTokenKey(tokens: Tokens, uri: string, type: KeyType): Promise<StoredKey> {
  return storedTokenKey(await tokens.generate(uri, type));
}

/**
 * Where another key can be made in the token, under the label, of the one that a PEM file names; its
 * identifier tells it apart. Undefined for a file that holds its key.
 * @throws FleetsecError `input`
 */
export function besideTokenKey(pem: string, what: string): string | undefined {
  const named = tokenUri(pem, what);
  if (named === undefined) return undefined;
  const { id: _, ...uri } = parsePkcs11Uri(named);
  return formatPkcs11Uri(uri);
}

function tokenSigner(key: TokenKey): Signer {
  const keyType = keyTypeOf(publicKeyOf(key.spki));
  return {
    keyType,
    spki: key.spki,
    sign(data, hash = defaultHash(keyType)) {
      if (hash !== "sha1") return key.sign(data, hash);
      return Promise.reject(new FleetsecError("refused", "a token's key does not sign with SHA-1"));
    },
  };
}

function tokenKeyPem(uri: string): string {
  const description = element(VISIBLE_STRING, Buffer.from(DESCRIPTION, "latin1"));
  return encodePem(LABEL, sequence(description, utf8String(uri)));
}

/** Whether a PEM file names a key in a token. */
export function isTokenKey(pem: string): boolean {
  return pem.startsWith(`-----BEGIN ${LABEL}-----`);
}

const FORM = new RegExp(`^-----BEGIN ${LABEL}-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END ${LABEL}-----\r?\n?$`);

/** The URI in a file of that form; undefined where it is of another. @throws FleetsecError `input` */
export function tokenUri(pem: string, what: string): string | undefined {
  if (!isTokenKey(pem)) return undefined;
  const [, body = ""] = FORM.exec(pem) ?? [];
  const fields = derReader(readSingle(Buffer.from(body, "base64"), tags.sequence, what).contents, what);
  fields.next(VISIBLE_STRING);
  const uri = Buffer.from(fields.next(tags.utf8String).contents).toString("utf8");
  fields.end();
  return uri;
}
