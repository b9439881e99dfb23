import {
  type DerReader,
  derReader,
  type Element,
  elementsOf,
  malformed,
  readSingle,
  tags,
} from "../der/read.ts";
import { integerOf, smallIntegerOf, timeOf } from "../der/values.ts";
import { oids } from "../oids.ts";
import { serialOf } from "./certificate.ts";
import type { AuthorityKeyId } from "./authority-key.ts";
import { readAuthorityKeyId, readExtensions } from "./extensions.ts";
import { type Name, readName } from "./name.ts";
import { isSameAlgorithm, readAlgorithm, readSigned, type Signed } from "./signed.ts";

/** CRLReason of RFC 5280 section 5.3.1, each at its number. */
export const REASONS = [
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
  /** Section 5.2.3; undefined where that is no positive number. */
  readonly number: bigint | undefined;
  /** By serial number, as certificates have it. */
  readonly revoked: ReadonlyMap<string, Revocation>;
  /** OIDs of critical extensions, of the list or of an entry, that are not processed here. */
  readonly unprocessed: ReadonlySet<string>;
  /** By what the list may lack certificates that are revoked, in words. */
  readonly partialBy: string | undefined;
  readonly authorityKeyId: AuthorityKeyId;
}

/**
 * Reads one DER CRL (RFC 5280 section 5.1): a complete list of version 2 with a nextUpdate. A list
 * without it never ages, and libraries have read it as empty, so it is refused. Time and memory
 * grow with its length only.
 * @param what what is being read, for messages: a path
 * @throws FleetsecError `input`
 */
export function parseCrl(der: Uint8Array, what: string): Crl {
  const { body, ...signed } = readSigned(der, what);
  const tbs = derReader(body.contents, what);
  requireVersion2(tbs, what);
  if (!isSameAlgorithm(readAlgorithm(tbs.next(tags.sequence), what), signed.signatureAlgorithm)) {
    throw malformed(what, "two different signature algorithms");
  }
  const issuer = readName(tbs.next(tags.sequence), what);
  const thisUpdate = timeOf(tbs.next(), what);
  const nextUpdate = readNextUpdate(tbs, what);
  const entries = tbs.optional(tags.sequence);
  const unprocessed = new Set<string>();
  const revoked = entries === undefined ? new Map() : readEntries(entries.contents, what, unprocessed);
  const list = tbs.optional(tags.constructed(0));
  tbs.end();
  const said = readListExtensions(list, what, unprocessed);
  return { ...signed, issuer, thisUpdate, nextUpdate, revoked, unprocessed, ...said };
}

function requireVersion2(tbs: DerReader, what: string): void {
  const version = tbs.optional(tags.integer);
  if (version === undefined || smallIntegerOf(version, what) !== 1)
    throw malformed(what, "a CRL that is not of version 2");
}

function readNextUpdate(tbs: DerReader, what: string): number {
  const element = tbs.optional(tags.utcTime) ?? tbs.optional(tags.generalizedTime);
  if (element === undefined) throw malformed(what, "a CRL without nextUpdate");
  return timeOf(element, what);
}

/**
 * By which a list is of some certificates, some reasons or some time only (sections 5.2.4 and 5.2.5). They must
 * be critical; where they are not, the list is no more complete.
 */
const PARTIAL: ReadonlyMap<string, string> = new Map([
  [oids.issuingDistributionPoint, "an issuing distribution point"],
  [oids.deltaCRLIndicator, "a delta CRL indicator"],
]);

/** Sections 5.2.1 and 5.2.3: every CRL says by which key it is and what number it has. */
function readListExtensions(
  list: Element | undefined,
  what: string,
  unprocessed: Set<string>,
): Pick<Crl, "number" | "partialBy" | "authorityKeyId"> {
  const extensions = list === undefined ? [] : readExtensions(list.contents, what);
  const present = new Set(extensions.map(({ oid }) => oid));
  if (present.size !== extensions.length) throw malformed(what, "an extension that stands there twice");
  if (!present.has(oids.crlNumber)) throw malformed(what, "a CRL without a number");
  const authorityKey = extensions.find(({ oid }) => oid === oids.authorityKeyIdentifier);
  if (authorityKey === undefined) throw malformed(what, "a CRL without an authority key identifier");
  for (const { oid, critical } of extensions) if (critical && !PARTIAL.has(oid)) unprocessed.add(oid);
  return {
    number: numberIn(extensions.find(({ oid }) => oid === oids.crlNumber)?.value ?? Buffer.of()),
    partialBy: extensions.map(({ oid }) => PARTIAL.get(oid)).find((words) => words !== undefined),
    authorityKeyId: readAuthorityKeyId(authorityKey.value, what),
  };
}

/** Nothing rests on the number but what is said of it. */
function numberIn([tag, length, ...bytes]: Uint8Array): bigint | undefined {
  if (tag !== tags.integer || length !== bytes.length || length === 0 || (bytes[0] ?? 0) >= 0x80)
    return undefined;
  return BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
}

function readEntries(contents: Uint8Array, what: string, unprocessed: Set<string>): Map<string, Revocation> {
  const revoked = new Map<string, Revocation>();
  const reasonOf = reasonReader(what, unprocessed);
  for (const entry of elementsOf(contents, what)) {
    if (entry.tag !== tags.sequence) throw malformed(what, "an entry that is no SEQUENCE");
    const fields = derReader(entry.contents, what);
    const serial = serialOf(integerOf(fields.next(tags.integer), what));
    const at = timeOf(fields.next(), what);
    const extensions = fields.optional(tags.sequence);
    fields.end();
    revoked.set(serial, { at, reason: extensions === undefined ? "unspecified" : reasonOf(extensions.raw) });
  }
  // section 5.1.2.6: with nothing revoked the list MUST be absent
  if (revoked.size === 0) throw malformed(what, "an empty list of revoked certificates");
  return revoked;
}

/** More than there are reasons; entries that carry something else besides are few. */
const MAX_KNOWN = 64;

/** A long list says the same few things over and over: each is decoded once. */
function reasonReader(what: string, unprocessed: Set<string>): (der: Uint8Array) => RevocationReason {
  const known = new Map<string, RevocationReason>();
  return (der) => {
    const key = Buffer.from(der).toString("latin1");
    const reason = known.get(key) ?? readReason(der, what, unprocessed);
    if (known.size < MAX_KNOWN) known.set(key, reason);
    return reason;
  };
}

function readReason(der: Uint8Array, what: string, unprocessed: Set<string>): RevocationReason {
  const extensions = readExtensions(der, what);
  for (const { oid, critical } of extensions) if (critical) unprocessed.add(oid);
  const code = extensions.find(({ oid }) => oid === oids.reasonCode)?.value;
  if (code === undefined) return "unspecified";
  const reason = REASONS[smallIntegerOf(readSingle(code, tags.enumerated, what), what)];
  // section 5.3.1: removeFromCRL appears only in delta CRLs
  if (reason === undefined || reason === "removeFromCRL")
    throw malformed(what, "an unknown reason of revocation");
  return reason;
}
