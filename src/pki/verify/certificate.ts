import { FleetsecError } from "../../errors.ts";
import {
  context,
  type Cursor,
  type Element,
  encodingOf,
  fieldsOf,
  malformed,
  readInside,
  TAG,
} from "./der.ts";
import {
  type Decoded,
  EXTENSION_RULES,
  type Extension,
  extensionName,
  readExtensions,
} from "./extensions.ts";
import { type Name, readName } from "./name.ts";
import { isSameAlgorithm, readAlgorithm, readSigned, type Signed } from "./signed.ts";
import { integerOf, numberOf, serialOf, timeOf } from "./values.ts";

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
  /** In hexadecimal, lower case, without a sign octet. */
  readonly serial: string;
  readonly issuer: Name;
  /** Milliseconds since the Unix epoch; both instants belong to the period. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly subject: Name;
  /** The SubjectPublicKeyInfo. */
  readonly spki: Element;
  readonly extensions: readonly Extension[];
  readonly defects: readonly Defect[];
}

/** More than any honest certificate has. */
const MAX_BYTES = 256 * 1024;

/**
 * Reads one DER certificate (RFC 5280 section 4.1). What is no certificate at all is an error;
 * rules that it breaks are its `defects`, so that it can still be looked at.
 * @throws FleetsecError `input`
 */
export function parseCertificate(der: Uint8Array): Certificate {
  if (der.length > MAX_BYTES) throw malformed("a certificate that is too large", MAX_BYTES);
  const { body, ...signed } = readSigned(der);
  const defects: Defect[] = [];
  const { innerAlgorithm, ...fields } = readTbs(body, defects);
  if (!isSameAlgorithm(innerAlgorithm, signed.signatureAlgorithm)) {
    defects.push({
      code: "signature-algorithm-mismatch",
      message: "names two different signature algorithms",
    });
  }
  return { der, defects, ...signed, ...fields };
}

function readTbs(tbs: Element, defects: Defect[]) {
  const fields = fieldsOf(tbs);
  const version = readVersion(fields, defects);
  const serial = readSerial(fields.take(TAG.integer), defects);
  const innerAlgorithm = readAlgorithm(fields.take(TAG.sequence));
  const issuer = readName(fields.take(TAG.sequence));
  const validity = fieldsOf(fields.take(TAG.sequence));
  const notBefore = timeOf(validity.any());
  const notAfter = timeOf(validity.any());
  validity.done();
  const subject = readName(fields.take(TAG.sequence));
  const spki = fields.take(TAG.sequence);
  for (const number of [1, 2]) {
    // section 4.1.2.8: conforming CAs MUST NOT generate unique identifiers
    if (fields.optional(context(number, "primitive")) !== undefined) {
      defects.push({ code: "unique-identifier", message: "has a unique identifier, which RFC 5280 forbids" });
    }
  }
  const list = fields.optional(context(3, "constructed"));
  fields.done();
  const extensions = attempt(defects, [], () => (list ? readExtensions(readInside(list, TAG.sequence)) : []));
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
    ...decoded,
  };
}

function decodeExtensions(extensions: readonly Extension[], defects: Defect[]): Decoded {
  const decoded: Decoded = {};
  const seen = new Set<string>();
  for (const { oid, value } of extensions) {
    if (seen.has(oid)) {
      defects.push({ code: "duplicate-extension", message: `has the extension ${extensionName(oid)} twice` });
    } else {
      seen.add(oid);
      attempt(
        defects,
        undefined,
        () => EXTENSION_RULES.get(oid)?.decode?.(value, decoded),
        extensionName(oid),
      );
    }
  }
  return decoded;
}

/** Runs a decoder; where it finds the bytes malformed, that is a defect. */
function attempt<T>(defects: Defect[], otherwise: T, decode: () => T, what = "extensions"): T {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof FleetsecError)) throw error;
    defects.push({ code: "malformed-extension", message: `has a malformed ${what}: ${error.message}` });
    return otherwise;
  }
}

function readVersion(fields: Cursor, defects: Defect[]): number {
  const tagged = fields.optional(context(0, "constructed"));
  if (tagged === undefined) return 1;
  const version = numberOf(readInside(tagged, TAG.integer), 255) + 1;
  if (version !== 2 && version !== 3) {
    defects.push({ code: "version", message: `is of version ${version}, which is not to be written so` });
  }
  return version;
}

/** Section 4.1.2.2: a positive integer of at most 20 octets. */
function readSerial(element: Element, defects: Defect[]): string {
  const bytes = integerOf(element);
  const [first = 0] = bytes;
  const fault =
    first > 0x7f
      ? "negative"
      : bytes.length === 1 && first === 0
        ? "zero"
        : bytes.length > 20
          ? "longer than 20 octets"
          : undefined;
  if (fault !== undefined)
    defects.push({ code: "serial-number", message: `has a serial number that is ${fault}` });
  return serialOf(element);
}

/** Whether the issuer is named as the subject (RFC 5280 section 6.1, "self-issued"). */
export function isSelfIssued(certificate: Certificate): boolean {
  return certificate.issuer.key === certificate.subject.key;
}

export function hasSameKey(a: Certificate, b: Certificate): boolean {
  return Buffer.compare(encodingOf(a.spki), encodingOf(b.spki)) === 0;
}
