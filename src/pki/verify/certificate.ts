import { FleetsecError } from "../../errors.ts";
import { formatSerial } from "../certificate.ts";
import { type DerReader, derReader, type Element, malformed, readSingle, tags } from "../der/read.ts";
import { integerOf, smallIntegerOf, timeOf } from "../der/values.ts";
import {
  type Decoded,
  EXTENSION_RULES,
  type Extension,
  extensionName,
  readExtensions,
} from "./extensions.ts";
import { type Name, readName } from "./name.ts";
import { isSameAlgorithm, readAlgorithm, readSigned, type Signed } from "./signed.ts";

/** A departure from RFC 5280 that leaves the certificate readable; any of them refuses a path. */
export interface Defect {
  readonly code: DefectCode;
  /** Lowercase, no full stop; may quote the certificate. */
  readonly message: string;
}

export type DefectCode =
  | "version"
  | "serial-number"
  | "signature-algorithm-mismatch"
  | "duplicate-extension"
  | "malformed-extension"
  | "unique-identifier";

/** An X.509 certificate, with the exact bytes that its parts were read from. */
export interface Certificate extends Signed, Readonly<Decoded> {
  readonly der: Uint8Array;
  readonly version: number;
  /** As `formatSerial` writes it; a negative one, which is faulty, with a minus before its octets. */
  readonly serial: string;
  readonly issuer: Name;
  /** Milliseconds since the Unix epoch; both instants belong to the period. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly subject: Name;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  readonly extensions: readonly Extension[];
  /** The same as they stand, DER; undefined where there are none. */
  readonly extensionList: Uint8Array | undefined;
  readonly defects: readonly Defect[];
}

/** More than any honest certificate has. */
const MAX_BYTES = 256 * 1024;

/**
 * Reads one DER certificate (RFC 5280 section 4.1). What is no certificate at all is an error;
 * rules that it breaks are its `defects`, so that it can still be looked at.
 * @param what what is being read, for messages: a path
 * @throws FleetsecError `input`
 */
export function parseCertificate(der: Uint8Array, what: string): Certificate {
  if (der.length > MAX_BYTES) throw malformed(what, `a certificate of more than ${MAX_BYTES} bytes`);
  const { body, ...signed } = readSigned(der, what);
  const defects: Defect[] = [];
  const { innerAlgorithm, ...fields } = readTbs(derReader(body.contents, what), what, defects);
  if (!isSameAlgorithm(innerAlgorithm, signed.signatureAlgorithm)) {
    defects.push({
      code: "signature-algorithm-mismatch",
      message: "names two different signature algorithms",
    });
  }
  return { der, defects, ...signed, ...fields };
}

function readTbs(tbs: DerReader, what: string, defects: Defect[]) {
  const version = readVersion(tbs, what, defects);
  const serial = readSerial(tbs.next(tags.integer), what, defects);
  const innerAlgorithm = readAlgorithm(tbs.next(tags.sequence), what);
  const issuer = readName(tbs.next(tags.sequence), what);
  const validity = derReader(tbs.next(tags.sequence).contents, what);
  const notBefore = timeOf(validity.next(), what);
  const notAfter = timeOf(validity.next(), what);
  validity.end();
  const subject = readName(tbs.next(tags.sequence), what);
  const spki = tbs.next(tags.sequence).raw;
  for (const number of [1, 2]) {
    // section 4.1.2.8: conforming CAs MUST NOT generate unique identifiers
    if (tbs.optional(tags.primitive(number)) !== undefined) {
      defects.push({ code: "unique-identifier", message: "has a unique identifier, which RFC 5280 forbids" });
    }
  }
  const list = tbs.optional(tags.constructed(3));
  tbs.end();
  const extensions = attempt(defects, [], "list of extensions", (name) =>
    list === undefined ? [] : readExtensions(list.contents, name),
  );
  if (list !== undefined && version !== 3) {
    defects.push({ code: "version", message: `has extensions but is of version ${version}` });
  }
  const decoded = decodeExtensions(extensions, defects);
  return {
    version,
    serial,
    innerAlgorithm,
    issuer,
    notBefore,
    notAfter,
    subject,
    spki,
    extensions,
    extensionList: list?.contents,
    ...decoded,
  };
}

function decodeExtensions(extensions: readonly Extension[], defects: Defect[]): Decoded {
  const decoded: Decoded = {};
  const seen = new Set<string>();
  for (const { oid, value } of extensions) {
    if (seen.has(oid)) {
      defects.push({ code: "duplicate-extension", message: `has the extension ${extensionName(oid)} twice` });
      continue;
    }
    seen.add(oid);
    attempt(defects, undefined, extensionName(oid), (name) =>
      EXTENSION_RULES.get(oid)?.decode?.(value, name, decoded),
    );
  }
  return decoded;
}

/** Runs a decoder; where it finds the bytes malformed, that is a defect. */
function attempt<T>(defects: Defect[], otherwise: T, name: string, decode: (name: string) => T): T {
  try {
    return decode(name);
  } catch (error) {
    if (!(error instanceof FleetsecError)) throw error;
    defects.push({ code: "malformed-extension", message: `has a ${error.message}` });
    return otherwise;
  }
}

function readVersion(tbs: DerReader, what: string, defects: Defect[]): number {
  const tagged = tbs.optional(tags.constructed(0));
  if (tagged === undefined) return 1;
  const version = smallIntegerOf(readSingle(tagged.contents, tags.integer, what), what) + 1;
  if (version !== 2 && version !== 3) {
    defects.push({ code: "version", message: `is of version ${version}, which is not to be written so` });
  }
  return version;
}

/** Section 4.1.2.2: a positive integer of at most 20 octets. */
function readSerial(element: Element, what: string, defects: Defect[]): string {
  const bytes = integerOf(element, what);
  const fault = serialFault(bytes);
  if (fault !== undefined)
    defects.push({ code: "serial-number", message: `has a serial number that is ${fault}` });
  return serialOf(bytes);
}

function serialFault(bytes: Uint8Array): string | undefined {
  const [first = 0] = bytes;
  if (first > 0x7f) return "negative";
  if (bytes.length === 1 && first === 0) return "zero";
  return bytes.length > 20 ? "longer than 20 octets" : undefined;
}

/** The octets of a serial number as certificates and CRLs are compared by it. */
export function serialOf(bytes: Uint8Array): string {
  return `${(bytes[0] ?? 0) > 0x7f ? "-" : ""}${formatSerial(bytes)}`;
}

/** Whether the issuer is named as the subject (RFC 5280 section 6.1, "self-issued"). */
export function isSelfIssued(certificate: Certificate): boolean {
  return certificate.issuer.key === certificate.subject.key;
}

export function hasSameKey(a: Certificate, b: Certificate): boolean {
  return Buffer.compare(a.spki, b.spki) === 0;
}
