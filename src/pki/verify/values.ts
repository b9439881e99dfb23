import { contentOf, type Element, hex, malformed, TAG } from "./der.ts";

/** BOOLEAN; DER knows only 0x00 and 0xff. */
export function booleanOf(element: Element): boolean {
  const [value, ...rest] = contentOf(element);
  if (rest.length > 0 || (value !== 0 && value !== 0xff))
    throw malformed("a malformed BOOLEAN", element.start);
  return value === 0xff;
}

/** The two's-complement octets of an INTEGER or ENUMERATED, checked to be minimal. */
export function integerOf(element: Element): Uint8Array {
  const bytes = contentOf(element);
  const [first, second] = bytes;
  if (first === undefined) throw malformed("an empty INTEGER", element.start);
  const redundant =
    second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second > 0x7f));
  if (redundant) throw malformed("an INTEGER that is not minimal", element.start);
  return bytes;
}

/** A serial number in hexadecimal, without the sign octet; a negative one, which is faulty, with a minus. */
export function serialOf(element: Element): string {
  const bytes = integerOf(element);
  const [first = 0] = bytes;
  if (first > 0x7f) return `-${hex(bytes)}`;
  return hex(first === 0 && bytes.length > 1 ? bytes.subarray(1) : bytes);
}

/** A small INTEGER or ENUMERATED from 0 to `max`, at most 2^31 - 1. */
export function numberOf(element: Element, max: number): number {
  const bytes = integerOf(element);
  const value =
    bytes.length > 4 ? Number.POSITIVE_INFINITY : bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  if ((bytes[0] ?? 0) > 0x7f || value > max) throw malformed("an INTEGER out of range", element.start);
  return value;
}

export interface BitString {
  readonly bytes: Uint8Array;
  /** Bits of the last octet that do not count; they are zero. */
  readonly unused: number;
}

export function bitStringOf(element: Element): BitString {
  const [unused, ...rest] = contentOf(element).subarray(0, 2);
  const bytes = contentOf(element).subarray(1);
  const last = bytes.at(-1) ?? 0;
  if (
    unused === undefined ||
    unused > 7 ||
    (unused > 0 && rest.length === 0) ||
    (last & ((1 << unused) - 1)) !== 0
  ) {
    throw malformed("a malformed BIT STRING", element.start);
  }
  return { bytes, unused };
}

/** A BIT STRING of whole octets, as signatures and keys are. */
export function octetsOf(element: Element): Uint8Array {
  const { bytes, unused } = bitStringOf(element);
  if (unused !== 0) throw malformed("a BIT STRING that does not end at an octet", element.start);
  return bytes;
}

/** The numbers of the bits that are set in a named bit list, which must have no trailing zeros. */
export function namedBitsOf(element: Element): number[] {
  const { bytes, unused } = bitStringOf(element);
  const length = bytes.length * 8 - unused;
  const set = (bit: number) => ((bytes[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0;
  if (length > 0 && !set(length - 1)) throw malformed("a bit list with trailing zeros", element.start);
  return Array.from({ length }, (_, bit) => bit).filter(set);
}

const MAX_OID_OCTETS = 64;

/** An OBJECT IDENTIFIER in dotted form. */
export function oidOf(element: Element): string {
  const bytes = contentOf(element);
  if (bytes.length === 0 || bytes.length > MAX_OID_OCTETS || (bytes.at(-1) ?? 0) > 0x7f) {
    throw malformed("a malformed OBJECT IDENTIFIER", element.start);
  }
  const arcs: bigint[] = [];
  let arc = 0n;
  let fresh = true;
  for (const byte of bytes) {
    if (fresh && byte === 0x80) throw malformed("an OBJECT IDENTIFIER that is not minimal", element.start);
    arc = (arc << 7n) | BigInt(byte & 0x7f);
    fresh = byte < 0x80;
    if (!fresh) continue;
    if (arcs.length === 0) {
      const root = arc < 80n ? arc / 40n : 2n;
      arcs.push(root, arc - root * 40n);
    } else {
      arcs.push(arc);
    }
    arc = 0n;
  }
  return arcs.join(".");
}

const UTC = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
const GENERALIZED = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;

/**
 * UTCTime or GeneralizedTime in the one form that RFC 5280 section 4.1.2.5 allows: Zulu, with
 * seconds, without fractions. In milliseconds since the Unix epoch.
 */
export function timeOf(element: Element): number {
  const isUtc = element.tag === TAG.utcTime;
  if (!isUtc && element.tag !== TAG.generalizedTime)
    throw malformed("something that is no time", element.start);
  const text = Buffer.from(contentOf(element)).toString("latin1");
  const parts = (isUtc ? UTC : GENERALIZED).exec(text)?.slice(1).map(Number);
  if (parts === undefined) throw malformed("a malformed time", element.start);
  const [written = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts;
  // two digits stand for 1950 to 2049
  const year = isUtc ? written + (written < 50 ? 2000 : 1900) : written;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  const exists =
    date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60 && second < 60;
  if (!exists) throw malformed("a time that does not exist", element.start);
  return date.getTime();
}

/** The text of any character string of X.509. */
export function textOf(element: Element): string {
  const bytes = Buffer.from(contentOf(element));
  switch (element.tag) {
    case TAG.utf8String:
      return decode("utf-8", bytes, element);
    case TAG.printableString:
      // Wider than X.680: CAs in wide use put `*`, `@`, `&` and `_` in it.
      return matching(/^[\u0020-\u007e]*$/, bytes, element);
    case TAG.ia5String:
      return matching(/^[\0-\u007f]*$/, bytes, element);
    case TAG.teletexString:
      return bytes.toString("latin1");
    case TAG.bmpString:
      return decode("utf-16le", swapped(bytes, 2, element), element);
    case TAG.universalString: {
      const points = swapped(bytes, 4, element);
      return Array.from({ length: points.length / 4 }, (_, i) =>
        codePoint(points.readUInt32LE(i * 4), element),
      ).join("");
    }
    default:
      throw malformed("something that is no character string", element.start);
  }
}

export function isText(element: Element): boolean {
  return TEXT_TAGS.has(element.tag);
}

const TEXT_TAGS: ReadonlySet<number> = new Set([
  TAG.utf8String,
  TAG.printableString,
  TAG.teletexString,
  TAG.ia5String,
  TAG.universalString,
  TAG.bmpString,
]);

function matching(form: RegExp, bytes: Buffer, element: Element): string {
  const text = bytes.toString("latin1");
  if (!form.test(text)) throw malformed("a character that its string type does not allow", element.start);
  return text;
}

function decode(encoding: "utf-8" | "utf-16le", bytes: Buffer, element: Element): string {
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw malformed("a character string that is not validly encoded", element.start);
  }
}

/** Big-endian units of `size` octets as little-endian ones, in a copy. */
function swapped(bytes: Buffer, size: 2 | 4, element: Element): Buffer {
  if (bytes.length % size !== 0)
    throw malformed("a character string that ends within a character", element.start);
  return size === 2 ? Buffer.from(bytes).swap16() : Buffer.from(bytes).swap32();
}

function codePoint(value: number, element: Element): string {
  if (value > 0x10_ffff || (value >= 0xd800 && value < 0xe000)) {
    throw malformed("a character that does not exist", element.start);
  }
  return String.fromCodePoint(value);
}
