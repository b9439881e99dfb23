import { contentOf, type Element, elementsOf, encodingOf, fieldsOf, hex, malformed, TAG } from "./der.ts";
import { isText, oidOf, textOf } from "./values.ts";

/** One `type=value` of a distinguished name. */
export interface Attribute {
  readonly oid: string;
  /** The text, or undefined where the value is no character string. */
  readonly text: string | undefined;
  /** Equal for two attributes if and only if they match by RFC 5280 section 7.1. */
  readonly key: string;
  /** The value's encoding. */
  readonly encoding: Uint8Array;
}

/** A distinguished name, most significant part first, as it is encoded. */
export interface Name {
  readonly encoding: Uint8Array;
  readonly attributes: readonly Attribute[];
  /** One key for each RelativeDistinguishedName; a prefix of these is a subtree. */
  readonly rdns: readonly string[];
  /** Equal for two names if and only if they match by RFC 5280 section 7.1. */
  readonly key: string;
}

/** More than any honest name has; a bound on what comparing costs. */
const MAX_ATTRIBUTES = 256;

/** Name ::= CHOICE { rdnSequence }. @throws FleetsecError `input` */
export function readName(element: Element): Name {
  const attributes: Attribute[] = [];
  const rdns: string[] = [];
  for (const set of elementsOf(element)) {
    if (set.tag !== TAG.set) throw malformed("something else than a SET in a name", set.start);
    const members = [...elementsOf(set)].map(readAttribute);
    if (members.length === 0) throw malformed("an empty SET in a name", set.start);
    attributes.push(...members);
    if (attributes.length > MAX_ATTRIBUTES) throw malformed("a name of too many parts", set.start);
    // a SET has no order
    rdns.push(JSON.stringify(members.map((member) => member.key).sort()));
  }
  return { encoding: encodingOf(element), attributes, rdns, key: rdns.join("\n") };
}

export function isEmptyName(name: Name): boolean {
  return name.rdns.length === 0;
}

/** Whether `name` lies in the subtree of `base` (RFC 5280 section 4.2.1.10). */
export function isWithin(name: Name, base: Name): boolean {
  return base.rdns.every((rdn, i) => name.rdns[i] === rdn);
}

function readAttribute(element: Element): Attribute {
  if (element.tag !== TAG.sequence) throw malformed("a malformed part of a name", element.start);
  const fields = fieldsOf(element);
  const oid = oidOf(fields.take(TAG.oid));
  const value = fields.any();
  fields.done();
  const text = isText(value) ? textOf(value) : undefined;
  return { oid, text, key: `${oid}=${comparable(value, text)}`, encoding: encodingOf(value) };
}

/** Without these, two texts that look alike may differ: they are compared octet for octet instead. */
const PLAIN = /^[^\p{C}\u2028\u2029\ufffd]*$/u;

/**
 * What RFC 4518 string preparation makes of PrintableString, UTF8String and IA5String: case and
 * runs of spaces do not count, nor does which of the three it is. Every other value, and text with
 * control, format, private or unassigned characters, matches only itself.
 */
function comparable(value: Element, text: string | undefined): string {
  const prepared =
    value.tag === TAG.utf8String || value.tag === TAG.printableString || value.tag === TAG.ia5String;
  if (!prepared || text === undefined || !PLAIN.test(text)) {
    return `#${value.tag.toString(16)}:${hex(contentOf(value))}`;
  }
  const folded = text.normalize("NFKC").toLowerCase().normalize("NFKC");
  return `"${folded.trim().replace(/\p{Zs}+/gu, " ")}`;
}

const SHORT: Readonly<Record<string, string>> = {
  "2.5.4.3": "CN",
  "2.5.4.4": "SN",
  "2.5.4.5": "serialNumber",
  "2.5.4.6": "C",
  "2.5.4.7": "L",
  "2.5.4.8": "ST",
  "2.5.4.9": "street",
  "2.5.4.10": "O",
  "2.5.4.11": "OU",
  "2.5.4.12": "title",
  "2.5.4.42": "GN",
  "0.9.2342.19200300.100.1.1": "UID",
  "0.9.2342.19200300.100.1.25": "DC",
  "1.2.840.113549.1.9.1": "emailAddress",
};

export const ATTRIBUTE = {
  commonName: "2.5.4.3",
  organizationalUnit: "2.5.4.11",
  emailAddress: "1.2.840.113549.1.9.1",
} as const;

/** For people: `CN=truck-7, O=Acme`, least significant part last. Not escaped for a terminal. */
export function displayName(name: Name): string {
  if (name.attributes.length === 0) return "(empty)";
  return name.attributes
    .map((attribute) => `${labelOf(attribute.oid)}=${displayValue(attribute)}`)
    .join(", ");
}

function labelOf(oid: string): string {
  return Object.hasOwn(SHORT, oid) ? (SHORT[oid] ?? oid) : oid;
}

/** RFC 4514: what has a meaning of its own in a name is preceded by a backslash. */
function displayValue({ text, encoding }: Attribute): string {
  return text === undefined
    ? `#${hex(encoding)}`
    : text.replace(/[,+"\\<>;=]|^[ #]| $/g, (character) => `\\${character}`);
}

/** The texts of one attribute type, in the order of the name. */
export function textsOf(name: Name, oid: string): string[] {
  return name.attributes.flatMap((attribute) => (attribute.oid === oid ? (attribute.text ?? []) : []));
}
