import { derReader, malformed, readSingle, tags } from "./der/read.ts";
import { booleanOf, integerOf, oidOf, timeOf } from "./der/values.ts";
import type { NameDer } from "./name.ts";
import { oids } from "./oids.ts";

/** What issuance needs to know of a certificate: its fields as they stand, without any judgement. */
export interface ReadCertificate {
  readonly der: Uint8Array;
  /** Big-endian magnitude. */
  readonly serial: Uint8Array;
  readonly issuer: NameDer;
  readonly subject: NameDer;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** DER inside the OCTET STRING of each extension, by dotted identifier. */
  readonly extensions: ReadonlyMap<string, { readonly critical: boolean; readonly value: Uint8Array }>;
}

/** @param what what is being read, for messages: a path. @throws FleetsecError `input` */
export function readCertificate(der: Uint8Array, what: string): ReadCertificate {
  const certificate = derReader(readSingle(der, tags.sequence, what).contents, what);
  const tbs = derReader(certificate.next(tags.sequence).contents, what);
  certificate.next(tags.sequence);
  certificate.next(tags.bitString);
  certificate.end();
  tbs.optional(tags.constructed(0));
  const serial = integerOf(tbs.next(tags.integer), what);
  tbs.next(tags.sequence);
  const issuer = tbs.next(tags.sequence).raw;
  const validity = derReader(tbs.next(tags.sequence).contents, what);
  const [notBefore, notAfter] = [timeOf(validity.next(), what), timeOf(validity.next(), what)];
  const subject = tbs.next(tags.sequence).raw;
  const spki = tbs.next(tags.sequence).raw;
  const extensions = tbs.optional(tags.constructed(3));
  return {
    der,
    serial,
    issuer,
    subject,
    notBefore,
    notAfter,
    spki,
    extensions: extensions === undefined ? new Map() : readExtensions(extensions.contents, what),
  };
}

/** The subject key identifier, which an authority key identifier copies. @throws FleetsecError `input` */
export function subjectKeyId(certificate: ReadCertificate, what: string): Uint8Array {
  const extension = certificate.extensions.get(oids.subjectKeyIdentifier);
  if (extension === undefined) throw malformed(what, "it has no subject key identifier");
  return readSingle(extension.value, tags.octetString, what).contents;
}

function readExtensions(contents: Uint8Array, what: string): ReadCertificate["extensions"] {
  const found = new Map<string, { critical: boolean; value: Uint8Array }>();
  const list = derReader(readSingle(contents, tags.sequence, what).contents, what);
  while (!list.done()) {
    const fields = derReader(list.next(tags.sequence).contents, what);
    const id = oidOf(fields.next(tags.oid), what);
    const critical = fields.optional(tags.boolean);
    const value = fields.next(tags.octetString).contents;
    fields.end();
    if (found.has(id)) throw malformed(what, `the extension ${id} stands there twice`);
    found.set(id, { critical: critical !== undefined && booleanOf(critical, what), value });
  }
  return found;
}
