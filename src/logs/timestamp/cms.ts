import { derReader, type Element, elementsOf, malformed, readSingle, tags } from "../../pki/der/read.ts";
import { integerOf, oidOf, smallIntegerOf } from "../../pki/der/values.ts";
import { type Certificate, parseCertificate, serialOf } from "../../pki/verify/certificate.ts";
import { readName } from "../../pki/verify/name.ts";
import { type AlgorithmIdentifier, readAlgorithm } from "../../pki/verify/signed.ts";

/** CMS SignedData (RFC 5652 section 5) with one signer, as far as time-stamp tokens have it. */
export interface SignedContent {
  readonly contentType: string;
  readonly content: Uint8Array;
  /** As the token brings them along; none of them is trusted. */
  readonly certificates: readonly Certificate[];
  readonly signer: Signer;
}

export interface Signer {
  /** Which certificate signed. */
  readonly id:
    | { readonly issuer: string; readonly serial: string }
    /** In hexadecimal. */
    | { readonly keyId: string };
  readonly digestAlgorithm: AlgorithmIdentifier;
  readonly signatureAlgorithm: AlgorithmIdentifier;
  readonly signature: Uint8Array;
  /** The signed attributes by their types: of each its one value, whole. */
  readonly attributes: ReadonlyMap<string, Element>;
  /** What the signature covers: the attributes as a SET (section 5.4). */
  readonly signedBytes: Uint8Array;
}

const SIGNED_DATA = "1.2.840.113549.1.7.2";
/** More than any token has. */
const MAX_CERTIFICATES = 20;
const MAX_ATTRIBUTES = 50;

/**
 * Reads a ContentInfo. Only DER is read, though CMS allows BER.
 * @param what what is being read, for messages
 * @throws FleetsecError `input`
 */
export function readSignedContent(der: Uint8Array, what: string): SignedContent {
  const info = derReader(readSingle(der, tags.sequence, what).contents, what);
  if (oidOf(info.next(tags.oid), what) !== SIGNED_DATA) throw malformed(what, "it is no signed data");
  const wrapped = info.next(tags.constructed(0)).contents;
  info.end();
  const data = derReader(readSingle(wrapped, tags.sequence, what).contents, what);
  if (smallIntegerOf(data.next(tags.integer), what) !== 3)
    throw malformed(what, "signed data of another version");
  data.next(tags.set); // digest algorithms, which the signer names too
  const encapsulated = derReader(data.next(tags.sequence).contents, what);
  const contentType = oidOf(encapsulated.next(tags.oid), what);
  const content = readSingle(
    encapsulated.next(tags.constructed(0)).contents,
    tags.octetString,
    what,
  ).contents;
  encapsulated.end();
  const certificates = readCertificates(data.optional(tags.constructed(0)), what);
  data.optional(tags.constructed(1)); // CRLs
  const signers = [...elementsOf(data.next(tags.set).contents, what)];
  data.end();
  const [signer] = signers;
  if (signer === undefined || signers.length > 1)
    throw malformed(what, `it has ${signers.length} signers, not one`);
  return { contentType, content, certificates, signer: readSigner(signer, what) };
}

function readCertificates(set: Element | undefined, what: string): Certificate[] {
  if (set === undefined) return [];
  const certificates: Certificate[] = [];
  for (const { tag, raw } of elementsOf(set.contents, what)) {
    if (certificates.length === MAX_CERTIFICATES) throw malformed(what, "it has too many certificates");
    // attribute certificates and the like are no certificates of keys
    if (tag === tags.sequence) certificates.push(parseCertificate(raw, `certificate of the ${what}`));
  }
  return certificates;
}

function readSigner(element: Element, what: string): Signer {
  const fields = derReader(readSingle(element.raw, tags.sequence, what).contents, what);
  const version = smallIntegerOf(fields.next(tags.integer), what);
  const id = readSignerId(fields.next(), version, what);
  const digestAlgorithm = readAlgorithm(fields.next(tags.sequence), what);
  const signed = fields.next(tags.constructed(0));
  const signatureAlgorithm = readAlgorithm(fields.next(tags.sequence), what);
  const signature = fields.next(tags.octetString).contents;
  fields.optional(tags.constructed(1)); // unsigned attributes prove nothing
  fields.end();
  const signedBytes = Uint8Array.from(signed.raw);
  signedBytes[0] = tags.set;
  const attributes = readAttributes(signed.contents, what);
  return { id, digestAlgorithm, signatureAlgorithm, signature, attributes, signedBytes };
}

/** Section 5.3: version 1 names issuer and serial number, version 3 the key. */
function readSignerId(element: Element, version: number, what: string): Signer["id"] {
  if (version === 3 && element.tag === tags.primitive(0)) {
    return { keyId: Buffer.from(element.contents).toString("hex") };
  }
  if (version !== 1 || element.tag !== tags.sequence)
    throw malformed(what, "a signer that is named in no known way");
  const fields = derReader(element.contents, what);
  const issuer = readName(fields.next(tags.sequence), what).key;
  const serial = serialOf(integerOf(fields.next(tags.integer), what));
  fields.end();
  return { issuer, serial };
}

function readAttributes(der: Uint8Array, what: string): Map<string, Element> {
  const attributes = new Map<string, Element>();
  for (const element of elementsOf(der, what)) {
    const fields = derReader(readSingle(element.raw, tags.sequence, what).contents, what);
    const type = oidOf(fields.next(tags.oid), what);
    const values = [...elementsOf(fields.next(tags.set).contents, what)];
    fields.end();
    const [value] = values;
    if (value === undefined || values.length > 1)
      throw malformed(what, "an attribute without exactly one value");
    if (attributes.has(type)) throw malformed(what, "an attribute that is there twice");
    if (attributes.size === MAX_ATTRIBUTES) throw malformed(what, "it has too many attributes");
    attributes.set(type, value);
  }
  return attributes;
}
