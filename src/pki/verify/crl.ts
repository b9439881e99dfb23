import {
  context,
  type Cursor,
  type Element,
  elementsOf,
  fieldsOf,
  malformed,
  readInside,
  requireTag,
  TAG,
} from "./der.ts";
import { type Extension, readExtensions } from "./extensions.ts";
import { type Name, readName } from "./name.ts";
import { isSameAlgorithm, readAlgorithm, readSigned, type Signed } from "./signed.ts";
import { numberOf, serialOf, timeOf } from "./values.ts";

/** CRLReason of RFC 5280 section 5.3.1. */
const REASONS = [
  "unspecified",
  "keyCompromise",
  "cACompromise",
  "affiliationChanged",
  "superseded",
  "cessationOfOperation",
  "certificateHold",
  undefined,
  "removeFromCRL",
  "privilegeWithdrawn",
  "aACompromise",
] as const;

export type RevocationReason = NonNullable<(typeof REASONS)[number]>;

export interface Revocation {
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  readonly reason: RevocationReason;
}

/** A certificate revocation list of version 2. */
export interface Crl extends Signed {
  readonly issuer: Name;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  /** By serial number, as certificates have it. */
  readonly revoked: ReadonlyMap<string, Revocation>;
  /** OIDs of critical extensions, of the list or of an entry: none is processed here. */
  readonly unprocessed: ReadonlySet<string>;
}

/**
 * Reads one DER CRL (RFC 5280 section 5.1): a complete list of version 2 with a nextUpdate. A list
 * without it never ages, and libraries have read it as empty, so it is refused. Time and memory
 * grow with its length only.
 * @throws FleetsecError `input`
 */
export function parseCrl(der: Uint8Array): Crl {
  const { body, ...signed } = readSigned(der);
  const fields = fieldsOf(body);
  requireVersion2(fields, body);
  const inner = fields.take(TAG.sequence);
  if (!isSameAlgorithm(readAlgorithm(inner), signed.signatureAlgorithm)) {
    throw malformed("a CRL that names two different signature algorithms", inner.start);
  }
  const issuer = readName(fields.take(TAG.sequence));
  const thisUpdate = timeOf(fields.any());
  const nextUpdate = takeNextUpdate(fields, body);
  const entries = fields.optional(TAG.sequence);
  const unprocessed = new Set<string>();
  const revoked = entries === undefined ? new Map() : readEntries(entries, unprocessed);
  const list = fields.optional(context(0, "constructed"));
  fields.done();
  readListExtensions(list, body, unprocessed);
  return { ...signed, issuer, thisUpdate, nextUpdate, revoked, unprocessed };
}

function requireVersion2(fields: Cursor, tbs: Element): void {
  const version = fields.optional(TAG.integer);
  if (version === undefined || numberOf(version, 255) !== 1) {
    throw malformed("a CRL that is not of version 2", tbs.start);
  }
}

function takeNextUpdate(fields: Cursor, tbs: Element): number {
  const element = fields.optional(TAG.utcTime) ?? fields.optional(TAG.generalizedTime);
  if (element === undefined) throw malformed("a CRL without nextUpdate", tbs.start);
  return timeOf(element);
}

const CRL_NUMBER = "2.5.29.20";
const AUTHORITY_KEY_ID = "2.5.29.35";

/** Sections 5.2.1 and 5.2.3: every CRL says by which key it is and what number it has. */
function readListExtensions(list: Element | undefined, tbs: Element, unprocessed: Set<string>): void {
  const extensions = list === undefined ? [] : readExtensions(readInside(list, TAG.sequence));
  const oids = new Set(extensions.map(({ oid }) => oid));
  if (oids.size !== extensions.length)
    throw malformed("a CRL with an extension that stands there twice", tbs.start);
  if (!oids.has(CRL_NUMBER)) throw malformed("a CRL without a number", tbs.start);
  if (!oids.has(AUTHORITY_KEY_ID)) throw malformed("a CRL without an authority key identifier", tbs.start);
  for (const { oid, critical } of extensions) if (critical) unprocessed.add(oid);
}

function readEntries(entries: Element, unprocessed: Set<string>): Map<string, Revocation> {
  const revoked = new Map<string, Revocation>();
  for (const entry of elementsOf(entries)) {
    const fields = fieldsOf(requireTag(entry, TAG.sequence));
    const serial = serialOf(fields.take(TAG.integer));
    const at = timeOf(fields.any());
    const extensions = fields.optional(TAG.sequence);
    fields.done();
    revoked.set(serial, { at, reason: readReason(extensions, unprocessed) });
  }
  // section 5.1.2.6: with nothing revoked the list MUST be absent
  if (revoked.size === 0) throw malformed("an empty list of revoked certificates", entries.start);
  return revoked;
}

const REASON_CODE = "2.5.29.21";

function readReason(list: Element | undefined, unprocessed: Set<string>): RevocationReason {
  const extensions: readonly Extension[] = list === undefined ? [] : readExtensions(list);
  for (const { oid, critical } of extensions) if (critical) unprocessed.add(oid);
  const code = extensions.find(({ oid }) => oid === REASON_CODE)?.value;
  if (code === undefined) return "unspecified";
  const reason = REASONS[numberOf(readInside(code, TAG.enumerated), 10)];
  // section 5.3.1: removeFromCRL appears only in delta CRLs
  if (reason === undefined || reason === "removeFromCRL")
    throw malformed("an unknown reason of revocation", code.start);
  return reason;
}
