import { constants, verify, type VerifyKeyObjectInput } from "node:crypto";
import { FleetsecError } from "../../errors.ts";
import { context, type Element, fieldsOf, readInside, requireTag, TAG } from "./der.ts";
import { keyObjectOf, type KeyType, type PublicKey } from "./key.ts";
import { type AlgorithmIdentifier, readAlgorithm, type Signed } from "./signed.ts";
import { numberOf } from "./values.ts";

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
  const object = keyObjectOf(key);
  if (object === undefined) return bad(`is signed with a key that cannot be read, its issuer's ${key.label}`);
  return verify(scheme.hash, signed.tbs, { key: object, ...scheme.options }, signed.signature)
    ? undefined
    : bad("has a signature that is not its issuer's");
}

function pkcs1(hash: string): Scheme {
  return { keys: ["rsa"], hash, parameters: "null", options: { padding: constants.RSA_PKCS1_PADDING } };
}

function ecdsa(hash: string): Scheme {
  return { keys: ["ec"], hash, parameters: "absent", options: { dsaEncoding: "der" } };
}

const SCHEMES: ReadonlyMap<string, Scheme> = new Map([
  ["1.2.840.113549.1.1.11", pkcs1("sha256")],
  ["1.2.840.113549.1.1.12", pkcs1("sha384")],
  ["1.2.840.113549.1.1.13", pkcs1("sha512")],
  ["1.2.840.10045.4.3.2", ecdsa("sha256")],
  ["1.2.840.10045.4.3.3", ecdsa("sha384")],
  ["1.2.840.10045.4.3.4", ecdsa("sha512")],
  ["1.3.101.112", { keys: ["ed25519"], hash: null, parameters: "absent" }],
]);

/** RFC 4055 section 5: where the parameters are NULL, their absence must be accepted, too. */
function isNullOrAbsent(parameters: Element | undefined): boolean {
  return parameters === undefined || (parameters.tag === TAG.null && parameters.content === parameters.end);
}

const PSS = "1.2.840.113549.1.1.10";

/** The scheme, or why there is none. */
function schemeOf(algorithm: AlgorithmIdentifier): Scheme | string {
  if (algorithm.oid === PSS) return pssScheme(algorithm.parameters);
  const known = SCHEMES.get(algorithm.oid);
  if (known === undefined)
    return `is signed with ${NAMES.get(algorithm.oid) ?? algorithm.oid}, which is not accepted`;
  const { parameters } = algorithm;
  const asExpected = known.parameters === "null" ? isNullOrAbsent(parameters) : parameters === undefined;
  return asExpected ? known : "has malformed signature parameters";
}

const NAMES: ReadonlyMap<string, string> = new Map([
  ["1.2.840.113549.1.1.4", "MD5 and RSA"],
  ["1.2.840.113549.1.1.5", "SHA-1 and RSA"],
  ["1.2.840.10045.4.1", "SHA-1 and ECDSA"],
  ["1.2.840.10040.4.3", "SHA-1 and DSA"],
  ["2.16.840.1.101.3.4.3.2", "DSA"],
  ["1.3.101.113", "Ed448"],
]);

const HASHES: ReadonlyMap<string, { name: string; length: number }> = new Map([
  ["2.16.840.1.101.3.4.2.1", { name: "sha256", length: 32 }],
  ["2.16.840.1.101.3.4.2.2", { name: "sha384", length: 48 }],
  ["2.16.840.1.101.3.4.2.3", { name: "sha512", length: 64 }],
]);
const MGF1 = "1.2.840.113549.1.1.8";

/**
 * RSASSA-PSS-params of RFC 4055 section 3.1, in the one form that TLS and other verifiers use: the
 * same SHA-2 hash for message and mask, and a salt of its length. The defaults are SHA-1.
 */
function pssScheme(parameters: Element | undefined): Scheme | string {
  const refused = "is signed with RSA-PSS parameters that are not accepted";
  if (parameters === undefined) return refused;
  try {
    const fields = fieldsOf(requireTag(parameters, TAG.sequence));
    const hash = readAlgorithm(readInside(fields.take(context(0, "constructed")), TAG.sequence));
    const mask = readAlgorithm(readInside(fields.take(context(1, "constructed")), TAG.sequence));
    const saltLength = numberOf(readInside(fields.take(context(2, "constructed")), TAG.integer), 64);
    fields.done();
    const known = HASHES.get(hash.oid);
    if (known === undefined || mask.oid !== MGF1 || mask.parameters === undefined) return refused;
    const maskHash = readAlgorithm(requireTag(mask.parameters, TAG.sequence));
    const plain = isNullOrAbsent(hash.parameters) && isNullOrAbsent(maskHash.parameters);
    if (!plain || maskHash.oid !== hash.oid || saltLength !== known.length) return refused;
    const options = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength };
    return { keys: ["rsa", "rsa-pss"], hash: known.name, parameters: "pss", options };
  } catch (error) {
    if (!(error instanceof FleetsecError)) throw error;
    return refused;
  }
}
