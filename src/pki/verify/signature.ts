import { constants, type KeyObject, verify, type VerifyKeyObjectInput } from "node:crypto";
import { FleetsecError } from "../../errors.ts";
import { derReader, type Element, readSingle, tags } from "../der/read.ts";
import { smallIntegerOf } from "../der/values.ts";
import { publicKeyOf } from "../keys.ts";
import { oids } from "../oids.ts";
import type { KeyType, PublicKey } from "./key.ts";
import { type AlgorithmIdentifier, readAlgorithm, type Signed } from "./signed.ts";

export type SignatureFault = {
  readonly code: "unsupported-signature-algorithm" | "bad-signature";
  readonly message: string;
};

/** How one signature algorithm is verified. */
interface Scheme {
  readonly keys: readonly KeyType[];
  /** Node's name of the hash; `null` where the algorithm contains one. */
  readonly hash: string | null;
  /** What stands beside its OID. */
  readonly parameters: "null" | "absent" | "pss";
  readonly options?: Pick<VerifyKeyObjectInput, "padding" | "saltLength" | "dsaEncoding">;
}

/**
 * Checks a certificate's or CRL's signature (RFC 5280 section 6.1.3 (a)(1)). SHA-1, MD5 and DSA
 * are refused whatever they sign.
 * @param key the signer's, whose weakness is the caller's business
 */
export function signatureFault(signed: Signed, key: PublicKey): SignatureFault | undefined {
  const scheme = schemeOf(signed.signatureAlgorithm);
  if (typeof scheme === "string") return { code: "unsupported-signature-algorithm", message: scheme };
  const bad = (message: string): SignatureFault => ({ code: "bad-signature", message });
  if (key.type === undefined || !scheme.keys.includes(key.type)) {
    return bad(`is signed with another type of key than its issuer's ${key.label}`);
  }
  return isGenuine(signed, scheme, key) ? undefined : bad("has a signature that is not its issuer's");
}

/** A key that OpenSSL does not take, a point off its curve for one, has signed nothing. */
function isGenuine(signed: Signed, scheme: Scheme, key: PublicKey): boolean {
  let object: KeyObject;
  try {
    object = publicKeyOf(key.spki);
  } catch (error) {
    if (!(error instanceof FleetsecError)) throw error;
    return false;
  }
  return verify(scheme.hash, signed.tbs, { key: object, ...scheme.options }, signed.signature);
}

function pkcs1(hash: string): Scheme {
  return { keys: ["rsa"], hash, parameters: "null", options: { padding: constants.RSA_PKCS1_PADDING } };
}

function ecdsa(hash: string): Scheme {
  return { keys: ["ec"], hash, parameters: "absent", options: { dsaEncoding: "der" } };
}

const SCHEMES: ReadonlyMap<string, Scheme> = new Map([
  [oids.sha256WithRSAEncryption, pkcs1("sha256")],
  [oids.sha384WithRSAEncryption, pkcs1("sha384")],
  [oids.sha512WithRSAEncryption, pkcs1("sha512")],
  [oids.ecdsaWithSHA256, ecdsa("sha256")],
  [oids.ecdsaWithSHA384, ecdsa("sha384")],
  [oids.ecdsaWithSHA512, ecdsa("sha512")],
  [oids.ed25519, { keys: ["ed25519"], hash: null, parameters: "absent" }],
]);

/** RFC 4055 section 5: where the parameters are NULL, their absence must be accepted, too. */
function isNullOrAbsent(parameters: Element | undefined): boolean {
  return parameters === undefined || (parameters.tag === tags.null && parameters.contents.length === 0);
}

/** The scheme, or why there is none. */
function schemeOf(algorithm: AlgorithmIdentifier): Scheme | string {
  if (algorithm.oid === oids.rsassaPss) return pssScheme(algorithm.parameters);
  const known = SCHEMES.get(algorithm.oid);
  if (known === undefined) return `is signed with ${schemeName(algorithm.oid)}, which is not accepted`;
  const { parameters } = algorithm;
  const asExpected = known.parameters === "null" ? isNullOrAbsent(parameters) : parameters === undefined;
  return asExpected ? known : "has malformed signature parameters";
}

/** Why no signature by that algorithm counts, SHA-1's for one, whoever made it; said of what is signed. */
export function algorithmFault(algorithm: AlgorithmIdentifier): string | undefined {
  const scheme = schemeOf(algorithm);
  return typeof scheme === "string" ? scheme : undefined;
}

/** For people: `ECDSA with SHA-256`, or the identifier of an algorithm that has no name here. */
export function schemeName(oid: string): string {
  return NAMES.get(oid) ?? oid;
}

const NAMES: ReadonlyMap<string, string> = new Map([
  [oids.sha256WithRSAEncryption, "RSA with SHA-256"],
  [oids.sha384WithRSAEncryption, "RSA with SHA-384"],
  [oids.sha512WithRSAEncryption, "RSA with SHA-512"],
  [oids.rsassaPss, "RSA-PSS"],
  [oids.ecdsaWithSHA256, "ECDSA with SHA-256"],
  [oids.ecdsaWithSHA384, "ECDSA with SHA-384"],
  [oids.ecdsaWithSHA512, "ECDSA with SHA-512"],
  [oids.ed25519, "Ed25519"],
  ["1.2.840.113549.1.1.4", "RSA with MD5"],
  [oids.sha1WithRSAEncryption, "RSA with SHA-1"],
  [oids.ecdsaWithSHA1, "ECDSA with SHA-1"],
  ["1.2.840.10040.4.3", "DSA with SHA-1"],
  ["2.16.840.1.101.3.4.3.2", "DSA with SHA-256"],
  ["1.3.101.113", "Ed448"],
]);

const HASHES: ReadonlyMap<string, { name: string; length: number }> = new Map([
  [oids.sha256, { name: "sha256", length: 32 }],
  [oids.sha384, { name: "sha384", length: 48 }],
  [oids.sha512, { name: "sha512", length: 64 }],
]);

/**
 * RSASSA-PSS-params of RFC 4055 section 3.1, in the one form that TLS and other verifiers use: the
 * same SHA-2 hash for message and mask, and a salt of its length. The defaults are SHA-1.
 */
function pssScheme(parameters: Element | undefined): Scheme | string {
  const refused = "is signed with RSA-PSS parameters that are not accepted";
  const what = "RSA-PSS parameters";
  if (parameters === undefined) return refused;
  try {
    const fields = derReader(readSingle(parameters.raw, tags.sequence, what).contents, what);
    const explicit = (number: number, tag: number) =>
      readSingle(fields.next(tags.constructed(number)).contents, tag, what);
    const hash = readAlgorithm(explicit(0, tags.sequence), what);
    const mask = readAlgorithm(explicit(1, tags.sequence), what);
    const saltLength = smallIntegerOf(explicit(2, tags.integer), what);
    fields.end();
    const known = HASHES.get(hash.oid);
    if (known === undefined || mask.oid !== oids.mgf1 || mask.parameters === undefined) return refused;
    const maskHash = readAlgorithm(readSingle(mask.parameters.raw, tags.sequence, what), what);
    const plain = isNullOrAbsent(hash.parameters) && isNullOrAbsent(maskHash.parameters);
    if (!plain || maskHash.oid !== hash.oid || saltLength !== known.length) return refused;
    const options = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength };
    return { keys: ["rsa", "rsa-pss"], hash: known.name, parameters: "pss", options };
  } catch (error) {
    if (!(error instanceof FleetsecError)) throw error;
    return refused;
  }
}
