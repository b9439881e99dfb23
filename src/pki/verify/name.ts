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

function readAttribute(element: Element, what: string): NameAttribute {
  const fields = derReader(readSingle(element.raw, tags.sequence, what).contents, what);
  const oid = oidOf(fields.next(tags.oid), what);
  const value = fields.next();
  fields.end();
  const text = TEXT_TAGS.has(value.tag) ? stringOf(value, what) : undefined;
  return { oid, text, key: `${oid}=${comparable(value, text)}`, der: value.raw };
}

/** The string types whose text is compared; any other value matches only itself. */
const PREPARED_TAGS: ReadonlySet<number> = new Set([tags.utf8String, tags.printableString, tags.ia5String]);
const TEXT_TAGS: ReadonlySet<number> = new Set([...PREPARED_TAGS, tags.teletexString, tags.bmpString]);

/** No control, format, private or unassigned characters: with them, texts that look alike may differ. */
const PLAIN = /^[^\p{C}\u2028\u2029\ufffd]*$/u;

/**
 * What RFC 4518 string preparation makes of PrintableString, UTF8String and IA5String: case and
 * runs of spaces do not count, nor does which of the three it is. Every other value, and text that
 * is not plain, is compared octet for octet.
 */
function comparable(value: Element, text: string | undefined): string {
  if (text === undefined || !PREPARED_TAGS.has(value.tag) || !PLAIN.test(text)) {
    return `#${Buffer.from(value.raw).toString("hex")}`;
  }
  const folded = text.normalize("NFKC").toLowerCase().normalize("NFKC");
  return `"${folded.trim().replace(/\p{Zs}+/gu, " ")}`;
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
  const value = text === undefined ? `#${Buffer.from(der).toString("hex")}` : escapeAttributeValue(text);
  return `${shortAttributeName(oid)}=${value}`;
}

/** The texts of one attribute type, in the order of the name. */
export function textsOf(name: Name, oid: string): string[] {
  return name.rdns.flat().flatMap((attribute) => (attribute.oid === oid ? (attribute.text ?? []) : []));
}
