import { FleetsecError } from "../../errors.ts";
import { derReader, type Element, elementsOf, malformed, readSingle, tags } from "../der/read.ts";
import { integerOf, smallIntegerOf } from "../der/values.ts";
import { oids } from "../oids.ts";
import { serialOf } from "../verify/certificate.ts";
import { readExtensions } from "../verify/extensions.ts";
import { readAlgorithm } from "../verify/signed.ts";

/** The certificate that is asked about (RFC 6960 section 4.1.1). */
export interface CertId {
  /** The whole CertID: a response repeats it byte for byte. */
  readonly der: Uint8Array;
  /** OID of the hash that both hashes were made with. */
  readonly hashAlgorithm: string;
  readonly issuerNameHash: Uint8Array;
  readonly issuerKeyHash: Uint8Array;
  /** As certificates have it. */
  readonly serial: string;
}

export interface OcspRequest {
  /** At least one, at most MAX_CERT_IDS. */
  readonly certIds: readonly CertId[];
  /** DER of the nonce's extnValue, to be repeated; undefined where there is none. */
  readonly nonce: Uint8Array | undefined;
}

/** Bytes of a request: room for MAX_CERT_IDS, and for a signature with its chain. */
export const MAX_REQUEST = 16 << 10;
/** TLS servers ask about one certificate; `openssl ocsp` about as many as are on its command line. */
export const MAX_CERT_IDS = 64;
/** Octets of a nonce (RFC 9654 section 2.1, which allows four times what RFC 8954 did). */
const MAX_NONCE = 128;

const WHAT = "OCSP request";

/**
 * Reads a DER OCSPRequest. A signature on it is passed over: who asks does not matter here.
 * @throws FleetsecError `input` for what is malformed, too long, or asks for something that is not understood
 */
export function parseOcspRequest(der: Uint8Array): OcspRequest {
  if (der.length > MAX_REQUEST) throw malformed(WHAT, `more than ${MAX_REQUEST} bytes`);
  const request = derReader(readSingle(der, tags.sequence, WHAT).contents, WHAT);
  const tbs = derReader(request.next(tags.sequence).contents, WHAT);
  request.optional(tags.constructed(0));
  request.end();
  requireVersion1(tbs.optional(tags.constructed(0)));
  tbs.optional(tags.constructed(1));
  const certIds = readRequestList(tbs.next(tags.sequence).contents);
  const extensions = tbs.optional(tags.constructed(2));
  tbs.end();
  return { certIds, nonce: extensions === undefined ? undefined : readNonce(extensions.contents) };
}

function requireVersion1(tagged: Element | undefined): void {
  if (tagged === undefined) return;
  const version = smallIntegerOf(readSingle(tagged.contents, tags.integer, WHAT), WHAT);
  if (version !== 0) throw malformed(WHAT, `version ${version + 1}`);
}

function readRequestList(contents: Uint8Array): CertId[] {
  const certIds: CertId[] = [];
  for (const { tag, contents: fields } of elementsOf(contents, WHAT)) {
    if (tag !== tags.sequence) throw malformed(WHAT, "an entry that is no SEQUENCE");
    if (certIds.length === MAX_CERT_IDS) throw malformed(WHAT, `more than ${MAX_CERT_IDS} certificates`);
    const request = derReader(fields, WHAT);
    certIds.push(readCertId(request.next(tags.sequence)));
    const extensions = request.optional(tags.constructed(0));
    request.end();
    if (extensions !== undefined) refuseCritical(extensions.contents, []);
  }
  if (certIds.length === 0) throw malformed(WHAT, "it asks about no certificate");
  return certIds;
}

function readCertId({ raw, contents }: Element): CertId {
  const fields = derReader(contents, WHAT);
  const hashAlgorithm = readAlgorithm(fields.next(tags.sequence), WHAT).oid;
  const issuerNameHash = fields.next(tags.octetString).contents;
  const issuerKeyHash = fields.next(tags.octetString).contents;
  const serial = serialOf(integerOf(fields.next(tags.integer), WHAT));
  fields.end();
  return { der: raw, hashAlgorithm, issuerNameHash, issuerKeyHash, serial };
}

function readNonce(contents: Uint8Array): Uint8Array | undefined {
  const [nonce, second] = refuseCritical(contents, [oids.ocspNonce]).filter(
    ({ oid }) => oid === oids.ocspNonce,
  );
  if (second !== undefined) throw malformed(WHAT, "two nonces");
  if (nonce === undefined) return undefined;
  const { length } = readSingle(nonce.value, tags.octetString, WHAT).contents;
  if (length === 0 || length > MAX_NONCE) throw malformed(WHAT, `a nonce of ${length} octets`);
  return nonce.value;
}

/** Section 4.4: what is not understood is ignored, unless it is critical. */
function refuseCritical(contents: Uint8Array, understood: readonly string[]) {
  const extensions = readExtensions(contents, WHAT);
  const unknown = extensions.find(({ oid, critical }) => critical && !understood.includes(oid));
  if (unknown === undefined) return extensions;
  throw new FleetsecError("input", `the OCSP request has a critical extension ${unknown.oid}`);
}
