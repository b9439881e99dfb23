import { FleetsecError } from "../errors.ts";
import { derReader, readSingle, tags } from "./der/read.ts";
import { oidOf, stringOf } from "./der/values.ts";
import { element, oid, sequence, setOf, utf8String } from "./der/write.ts";
import { oids } from "./oids.ts";

/**
 * A distinguished name as DER. An issuer's name is always handed on as the bytes that stand in the
 * issuer's certificate: encoded anew, another string type would break the chain in Go and rustls.
 */
export type NameDer = Uint8Array;

/** Attribute types by their short names (RFC 4514 section 3, and what OpenSSL prints). */
const ATTRIBUTES = {
  CN: oids.commonName,
  SN: oids.surname,
  serialNumber: oids.serialNumber,
  C: oids.countryName,
  L: oids.localityName,
  ST: oids.stateOrProvinceName,
  street: oids.streetAddress,
  O: oids.organizationName,
  OU: oids.organizationalUnitName,
  title: oids.title,
  DC: oids.domainComponent,
  UID: oids.userId,
  emailAddress: oids.emailAddress,
} as const;

export type AttributeType = keyof typeof ATTRIBUTES;

/** One attribute; each makes an RDN of its own. */
export interface Attribute {
  readonly type: AttributeType;
  readonly value: string;
}

/** Upper bounds of RFC 5280 appendix A.1, in characters. */
const UPPER_BOUND: Partial<Record<AttributeType, number>> = {
  CN: 64,
  O: 64,
  OU: 64,
  L: 128,
  ST: 128,
  serialNumber: 64,
};

/**
 * Encodes a name, first RDN first. Values are data, whatever they hold: no text is ever parsed.
 * @throws FleetsecError `input` for a value that its type cannot hold
 */
export function encodeName(attributes: readonly Attribute[]): NameDer {
  return sequence(...attributes.map(encodeRdn));
}

/** A part of a name, of one attribute. @throws FleetsecError as `encodeName` */
export function encodeRdn({ type, value }: Attribute): Uint8Array {
  return setOf(sequence(oid(ATTRIBUTES[type]), encodeValue(type, value)));
}

function encodeValue(type: AttributeType, value: string): Uint8Array {
  const bound = UPPER_BOUND[type] ?? 256;
  const length = Array.from(value).length;
  if (length === 0 || length > bound)
    throw unfit(type, value, `it has ${length} characters, 1 to ${bound} can be held`);
  if (/\p{Cs}/u.test(value)) throw unfit(type, value, "it is not well-formed Unicode");
  const ascii = ASCII_ONLY[type];
  if (ascii === undefined) return utf8String(value);
  if (!ascii.form.test(value)) throw unfit(type, value, "a character that it cannot hold");
  return element(ascii.tag, Buffer.from(value, "latin1"));
}

const PRINTABLE = /^[A-Za-z0-9 '()+,./:=?-]+$/;
// eslint-disable-next-line no-control-regex
const IA5 = /^[\u0001-\u007f]+$/;

/** Attributes that are no DirectoryString (RFC 5280 appendix A.1). */
const ASCII_ONLY: Partial<Record<AttributeType, { tag: number; form: RegExp }>> = {
  C: { tag: tags.printableString, form: /^[A-Z]{2}$/ },
  serialNumber: { tag: tags.printableString, form: PRINTABLE },
  DC: { tag: tags.ia5String, form: IA5 },
  emailAddress: { tag: tags.ia5String, form: IA5 },
};

function unfit(type: string, value: string, reason: string): FleetsecError {
  return new FleetsecError("input", `cannot be used as ${type} in a name: ${value} (${reason})`);
}

/** An attribute as it was read; `type` is the short name, or the dotted identifier of an unknown one. */
export interface ReadAttribute {
  readonly type: string;
  readonly value: string;
}

/** The RDNs of a name, in the order of the encoding. @throws FleetsecError `input` */
export function parseName(der: NameDer, what = "name"): ReadAttribute[][] {
  const rdns: ReadAttribute[][] = [];
  const reader = derReader(readSingle(der, tags.sequence, what).contents, what);
  while (!reader.done()) {
    const attributes: ReadAttribute[] = [];
    const set = derReader(reader.next(tags.set).contents, what);
    do {
      const pair = derReader(set.next(tags.sequence).contents, what);
      const dotted = oidOf(pair.next(tags.oid), what);
      const value = stringOf(pair.next(), what);
      pair.end();
      attributes.push({ type: shortAttributeName(dotted), value });
    } while (!set.done());
    rdns.push(attributes);
  }
  return rdns;
}

/** The values of an attribute, in the order of the encoding. */
export function attributeValues(der: NameDer, type: AttributeType): string[] {
  return parseName(der)
    .flat()
    .filter((attribute) => attribute.type === type)
    .map((attribute) => attribute.value);
}

/** RFC 4514: last RDN first, special characters escaped. For display only, never to be parsed. */
export function formatName(der: NameDer): string {
  return parseName(der)
    .toReversed()
    .map((rdn) => rdn.map(({ type, value }) => `${type}=${escapeAttributeValue(value)}`).join("+"))
    .join(",");
}

/** RFC 4514 section 2.4. Control characters are the terminal's matter: see report/escape.ts. */
export function escapeAttributeValue(value: string): string {
  return value
    .replace(/[\\"+,;<>]/g, (character) => `\\${character}`)
    .replaceAll("\0", "\\00")
    .replace(/^[ #]/, (character) => `\\${character}`)
    .replace(/ $/, "\\ ");
}

/** `CN`, or the dotted identifier of an attribute type that has no short name here. */
export function shortAttributeName(dotted: string): string {
  return SHORT_NAMES.get(dotted) ?? dotted;
}

const SHORT_NAMES: ReadonlyMap<string, string> = new Map(
  Object.entries(ATTRIBUTES).map(([short, dotted]) => [dotted, short]),
);
