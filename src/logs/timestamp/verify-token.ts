import { createHash } from "node:crypto";
import { FleetsecError } from "../../errors.ts";
import { derReader, type Element, readSingle, tags } from "../../pki/der/read.ts";
import { integerOf, oidOf } from "../../pki/der/values.ts";
import { oids } from "../../pki/oids.ts";
import { type Certificate, serialOf } from "../../pki/verify/certificate.ts";
import { readPublicKey } from "../../pki/verify/key.ts";
import { displayName, readName } from "../../pki/verify/name.ts";
import { signatureFault } from "../../pki/verify/signature.ts";
import { type AlgorithmIdentifier, readAlgorithm } from "../../pki/verify/signed.ts";
import { isInvalid, verifyCertificate } from "../../pki/verify/verify.ts";
import { readSignedContent, type SignedContent } from "./cms.ts";
import { hashNameOf, isDigest } from "./hashes.ts";
import { readToken } from "./response.ts";
import { readTstInfo, type TstInfo } from "./tst-info.ts";

/** A token that holds: somebody who is trusted saw the data at that time. */
export interface TimeStamp {
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** The subject of the authority's certificate, for display. */
  readonly authority: string;
  readonly nonce: Uint8Array | undefined;
}

export type TokenVerdict =
  | { readonly ok: true; readonly stamp: TimeStamp }
  /** `established` is false where the fault may lie in what we were given, and not in the token. */
  | { readonly ok: false; readonly established: boolean; readonly detail: string };

const TST_INFO = "1.2.840.113549.1.9.16.1.4";
const CONTENT_TYPE = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST = "1.2.840.113549.1.9.4";
const SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12";
const SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47";
const TIME_STAMPING = "1.3.6.1.5.5.7.3.8";
const WHAT = "time-stamp token";

/**
 * Verifies an RFC 3161 token, or the response that brought it, over `data`: the imprint, the CMS
 * signature, that the signer's certificate is the one that the token was signed for (RFC 5035, 5816)
 * and is for time-stamping alone, and its path to a trusted authority at the time of the token.
 * Revocation is not looked at. Never throws for what the token holds.
 * @param anchors the certificates of authorities that are trusted
 */
export function verifyToken(
  bytes: Uint8Array,
  data: Uint8Array,
  anchors: readonly Certificate[],
): TokenVerdict {
  try {
    return judge(bytes, data, anchors);
  } catch (error) {
    if (!(error instanceof FleetsecError) || error.code !== "input") throw error;
    return invalid(error.message);
  }
}

function judge(bytes: Uint8Array, data: Uint8Array, anchors: readonly Certificate[]): TokenVerdict {
  const signed = readSignedContent(readToken(bytes), WHAT);
  if (signed.contentType !== TST_INFO) return invalid("it holds something else than a time-stamp");
  const info = readTstInfo(signed.content, WHAT);
  const certificate = signerOf(signed);
  if (certificate === undefined) return invalid("the certificate of its signer is not in it");
  const fault =
    imprintFault(info, data) ??
    attributesFault(signed, certificate) ??
    signerFault(signed, certificate) ??
    usageFault(certificate);
  if (fault !== undefined) return invalid(fault);
  const path = verifyCertificate({ certificate, intermediates: signed.certificates, anchors, at: info.time });
  if (!path.ok) {
    const [reason] = path.reasons;
    const who = displayName(path.path[reason?.certificate ?? 0]?.subject ?? certificate.subject);
    const detail = `the certificate of its authority is not valid: ${who} ${reason?.message}`;
    return { ok: false, established: isInvalid(path), detail };
  }
  const limited = path.path.find(
    (one) => one.certificate !== certificate && !allowsTimeStamping(one.certificate.extendedKeyUsage),
  );
  if (limited !== undefined) {
    return invalid(`${displayName(limited.certificate.subject)} is not meant to issue for time-stamping`);
  }
  const { time, nonce } = info;
  return { ok: true, stamp: { time, nonce, authority: displayName(certificate.subject) } };
}

function invalid(detail: string): TokenVerdict {
  return { ok: false, established: true, detail };
}

function signerOf({ certificates, signer: { id } }: SignedContent): Certificate | undefined {
  return certificates.find((one) =>
    "keyId" in id ? one.subjectKeyId === id.keyId : one.issuer.key === id.issuer && one.serial === id.serial,
  );
}

function imprintFault({ imprint }: TstInfo, data: Uint8Array): string | undefined {
  const name = hashNameOf(imprint.algorithm);
  if (name === undefined) return "its imprint is of a hash that is not relied on";
  return isDigest(name, data, imprint.digest) ? undefined : "it is over other data than this checkpoint";
}

/** RFC 5652 section 5.4 and 11, RFC 3161 section 2.4.2, RFC 5816. */
function attributesFault({ content, signer }: SignedContent, certificate: Certificate): string | undefined {
  const { attributes, digestAlgorithm } = signer;
  const type = attributes.get(CONTENT_TYPE);
  if (type?.tag !== tags.oid || oidOf(type, WHAT) !== TST_INFO)
    return "its signature is for another type of content";
  const name = hashNameOf(digestAlgorithm);
  if (name === undefined) return "its digest is of a hash that is not relied on";
  const digest = attributes.get(MESSAGE_DIGEST);
  if (digest?.tag !== tags.octetString || !isDigest(name, content, digest.contents)) {
    return "its signature is over other content";
  }
  const [v1, v2] = [attributes.get(SIGNING_CERTIFICATE), attributes.get(SIGNING_CERTIFICATE_V2)];
  if (v1 === undefined && v2 === undefined) return "it does not say which certificate it was signed for";
  const named = (value: Element | undefined, defaultHash: string | undefined) =>
    value === undefined || namesCertificate(value, certificate, defaultHash);
  return named(v1, "sha1") && named(v2, undefined)
    ? undefined
    : "it was signed for another certificate than the one in it";
}

/**
 * Whether a SigningCertificate names this certificate first (RFC 2634 section 5.4.1, RFC 5035 section 4).
 * @param fixedHash the hash of version 1; version 2 names its own
 */
function namesCertificate(value: Element, certificate: Certificate, fixedHash: string | undefined): boolean {
  const list = derReader(readSingle(value.raw, tags.sequence, WHAT).contents, WHAT);
  const [first] = [derReader(list.next(tags.sequence).contents, WHAT).next(tags.sequence)];
  const fields = derReader(first.contents, WHAT);
  const algorithm = fixedHash === undefined ? fields.optional(tags.sequence) : undefined;
  const hash = fixedHash ?? (algorithm === undefined ? "sha256" : hashNameOf(readAlgorithm(algorithm, WHAT)));
  if (hash === undefined) return false;
  const digest = fields.next(tags.octetString).contents;
  const issuerSerial = fields.optional(tags.sequence);
  fields.end();
  if (!createHash(hash).update(certificate.der).digest().equals(digest)) return false;
  return issuerSerial === undefined || isIssuerSerial(issuerSerial, certificate);
}

/** IssuerSerial ::= SEQUENCE { GeneralNames, INTEGER }: one directory name. */
function isIssuerSerial({ contents }: Element, { issuer, serial }: Certificate): boolean {
  const fields = derReader(contents, WHAT);
  const name = readSingle(fields.next(tags.sequence).contents, tags.constructed(4), WHAT).contents;
  const number = serialOf(integerOf(fields.next(tags.integer), WHAT));
  fields.end();
  return readName(readSingle(name, tags.sequence, WHAT), WHAT).key === issuer.key && number === serial;
}

function signerFault({ signer }: SignedContent, { spki }: Certificate): string | undefined {
  const { signedBytes: tbs, signature } = signer;
  const signatureAlgorithm = fullAlgorithm(signer.signatureAlgorithm, signer.digestAlgorithm);
  const key = readPublicKey(spki);
  if (key.weakness !== undefined) return `its signer's key is ${key.weakness}`;
  const fault = signatureFault({ tbs, signature, signatureAlgorithm }, key);
  if (fault === undefined) return undefined;
  return fault.code === "bad-signature" ? "its signature is not that of its signer" : `it ${fault.message}`;
}

const RSA_WITH: ReadonlyMap<string, string> = new Map([
  [oids.sha256, oids.sha256WithRSAEncryption],
  [oids.sha384, oids.sha384WithRSAEncryption],
  [oids.sha512, oids.sha512WithRSAEncryption],
]);

/** CMS may name RSA alone, and the hash beside it (RFC 3370 section 3.2). */
function fullAlgorithm(signature: AlgorithmIdentifier, digest: AlgorithmIdentifier): AlgorithmIdentifier {
  const oid = signature.oid === oids.rsaEncryption ? RSA_WITH.get(digest.oid) : undefined;
  return oid === undefined ? signature : { ...signature, oid };
}

/** RFC 3161 section 2.3: the one purpose, critical; the key must be for signing, where it says for what it is. */
function usageFault({ extensions, extendedKeyUsage, keyUsage }: Certificate): string | undefined {
  const critical = extensions.find(({ oid }) => oid === oids.extKeyUsage)?.critical === true;
  if (extendedKeyUsage?.length !== 1 || extendedKeyUsage[0] !== TIME_STAMPING || !critical) {
    return "its signer's certificate is not for time-stamping alone";
  }
  const signs =
    keyUsage === undefined || keyUsage.includes("digitalSignature") || keyUsage.includes("nonRepudiation");
  return signs ? undefined : "its signer's key is not meant for signatures";
}

function allowsTimeStamping(usage: readonly string[] | undefined): boolean {
  return usage === undefined || usage.includes(TIME_STAMPING) || usage.includes(oids.anyExtendedKeyUsage);
}
