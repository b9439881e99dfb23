import { derReader, elementsOf, malformed, readSingle, type Element, tags } from "../der/read.ts";
import { oidOf, stringOf } from "../der/values.ts";
import { escapeAttributeValue, type NameDer, shortAttributeName } from "../name.ts";

/** One `type=value` of a distinguished name. */
export interface NameAttribute {
  readonly oid: string;
  /** The text, or undefined where the value is no character string. */
  readonly text: string | undefined;
  /** Equal for two attributes if and only if they match by RFC 5280 section 7.1. */
  readonly key: string;
  /** The text prepared for comparison, or undefined where nobody can tell what it matches but itself. */
  readonly prepared: string | undefined;
  /** The value's encoding. */
  readonly der: Uint8Array;
}

/** A distinguished name, first RDN first, as it is encoded. */
export interface Name {
  readonly der: NameDer;
  readonly rdns: readonly (readonly NameAttribute[])[];
  /** One key for each RDN; a prefix of these is a subtree. */
  readonly rdnKeys: readonly string[];
  /** Equal for two names if and only if they match by RFC 5280 section 7.1. */
  readonly key: string;
}

/** More than any honest name has; a bound on what comparing costs. */
const MAX_RDNS = 128;

/** @param element an RDNSequence. @throws FleetsecError `input` */
export function readName(element: Element, what: string): Name {
  const rdns: NameAttribute[][] = [];
  for (const rdn of elementsOf(element.contents, what)) {
    if (rdn.tag !== tags.set || rdn.contents.length === 0)
      throw malformed(what, "a name with a malformed part");
    rdns.push([...elementsOf(rdn.contents, what)].map((attribute) => readAttribute(attribute, what)));
    if (rdns.length > MAX_RDNS) throw malformed(what, "a name of too many parts");
  }
  // a SET has no order
  const rdnKeys = rdns.map((attributes) => JSON.stringify(attributes.map(({ key }) => key).sort()));
  return { der: element.raw, rdns, rdnKeys, key: rdnKeys.join("\n") };
}

export function isEmptyName(name: Name): boolean {
  return name.rdns.length === 0;
}

/** Whether `name` lies in the subtree of `base` (RFC 5280 section 4.2.1.10). */
export function isWithin(name: Name, base: Name): boolean {
  return base.rdnKeys.every((key, i) => name.rdnKeys[i] === key);
}

/**
 * Whether `name` may lie in the subtree of `base`: what cannot be compared may be equal, and a value is
 * the same in every string type. What is excluded must not be escaped by an encoding.
 */
export function mayBeWithin(name: Name, base: Name): boolean {
  return base.rdns.every((rdn, i) => mayMatch(name.rdns[i] ?? [], rdn));
}

function mayMatch(a: readonly NameAttribute[], b: readonly NameAttribute[]): boolean {
  const canTell = [...a, ...b].every(({ prepared }) => prepared !== undefined);
  const keyOf = ({ oid, prepared }: NameAttribute) => JSON.stringify([oid, canTell ? prepared : ""]);
  return JSON.stringify(a.map(keyOf).sort()) === JSON.stringify(b.map(keyOf).sort());
}

function readAttribute(element: Element, what: string): NameAttribute {
  const fields = derReader(readSingle(element.raw, tags.sequence, what).contents, what);
  const oid = oidOf(fields.next(tags.oid), what);
  const value = fields.next();
  fields.end();
  const text = TEXT_TAGS.has(value.tag) ? stringOf(value, what) : undefined;
  const prepared = text !== undefined && isCertain(value.tag, text) ? prepare(text) : undefined;
  // OpenSSL takes a NumericString for another value than the same text in any other type
  const isBytes = prepared === undefined || value.tag === tags.numericString;
  const key = isBytes ? displayBytes(value.raw) : `"${prepared}`;
  return { oid, text, key: `${oid}=${key}`, prepared, der: value.raw };
}

/** The types of DirectoryString, and others that names are found in. */
const TEXT_TAGS: ReadonlySet<number> = new Set([
  tags.utf8String,
  tags.printableString,
  tags.ia5String,
  tags.teletexString,
  tags.bmpString,
  tags.universalString,
  tags.visibleString,
  tags.numericString,
]);

/** No control, format, private or unassigned characters: with them, texts that look alike may differ. */
const PLAIN = /^[^\p{C}\u2028\u2029\ufffd]*$/u;

/** TeletexString beyond ASCII is read as Latin-1 by some and as T.61 by others, surrogates in a BMPString too. */
function isCertain(tag: number, text: string): boolean {
  if (tag === tags.teletexString) return /^[\u0020-\u007e]*$/.test(text);
  return PLAIN.test(text) && !(tag === tags.bmpString && /[\ud800-\udfff]/.test(text));
}

/** RFC 4518 string preparation: case and runs of spaces do not count, nor does the string type. */
function prepare(text: string): string {
  const folded = text.normalize("NFKC").toLowerCase().normalize("NFKC");
  return folded.trim().replace(/\p{Zs}+/gu, " ");
}

/** RFC 4514, for people: last RDN first. Not escaped for a terminal. */
export function displayName(name: Name): string {
  if (isEmptyName(name)) return "(no name)";
  return name.rdns
    .toReversed()
    .map((rdn) => rdn.map(displayAttribute).join("+"))
    .join(",");
}

function displayAttribute({ oid, text, der }: NameAttribute): string {
  const value = text === undefined ? displayBytes(der) : escapeAttributeValue(text);
  return `${shortAttributeName(oid)}=${value}`;
}

/** A value that is no text. */
export function displayBytes(der: Uint8Array): string {
  return `#${Buffer.from(der).toString("hex")}`;
}

/** The texts of one attribute type, in the order of the name; without those values that are no text. */
export function textsOf(name: Name, oid: string): string[] {
  return name.rdns.flat().flatMap((attribute) => (attribute.oid === oid ? (attribute.text ?? []) : []));
}
