import { type Element, malformed, tags } from "./read.ts";

/** Values of DER elements, each checked to be in its one canonical form. All throw FleetsecError `input`. */

export function booleanOf(element: Element, what: string): boolean {
  const [value] = element.contents;
  if (element.contents.length !== 1 || (value !== 0x00 && value !== 0xff)) {
    throw malformed(what, "a BOOLEAN that is neither 00 nor ff");
  }
  return value === 0xff;
}

/** The two's complement bytes of an INTEGER, checked to be minimal. */
export function integerOf(element: Element, what: string): Uint8Array {
  const [first, second] = element.contents;
  if (first === undefined) throw malformed(what, "an INTEGER without a value");
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) {
    throw malformed(what, "an INTEGER that is not minimal");
  }
  return element.contents;
}

/** A non-negative INTEGER that fits a number. */
export function smallIntegerOf(element: Element, what: string): number {
  const bytes = integerOf(element, what);
  if (bytes.length > 6 || (bytes[0] ?? 0) >= 0x80) throw malformed(what, "a number out of range");
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}

/** Longer than any in use; arcs of 128 bits, made from UUIDs, fit. */
const MAX_OID_BYTES = 64;

/** The dotted form of an OBJECT IDENTIFIER. */
export function oidOf(element: Element, what: string): string {
  const bytes = element.contents;
  if (bytes.length > MAX_OID_BYTES) throw malformed(what, "an object identifier that is too long");
  const arcs: bigint[] = [];
  let arc = 0n;
  let fresh = true;
  for (const byte of bytes) {
    if (fresh && byte === 0x80) throw malformed(what, "an object identifier that is not minimal");
    arc = (arc << 7n) | BigInt(byte & 0x7f);
    fresh = byte < 0x80;
    if (!fresh) continue;
    if (arcs.length === 0) {
      const first = arc < 80n ? arc / 40n : 2n;
      arcs.push(first, arc - first * 40n);
    } else arcs.push(arc);
    arc = 0n;
  }
  if (bytes.length === 0 || !fresh) throw malformed(what, "an object identifier that is cut short");
  return arcs.join(".");
}

/** The bytes of a BIT STRING that consists of whole bytes. */
export function bitStringOf(element: Element, what: string): Uint8Array {
  if (element.contents[0] !== 0) throw malformed(what, "a BIT STRING of broken bytes");
  return element.contents.subarray(1);
}

/** The numbers of the bits that are set in a NamedBitList. */
export function namedBitsOf(element: Element, what: string): number[] {
  const [unused, ...bytes] = element.contents;
  const last = bytes.at(-1);
  const canonical =
    last === undefined ? unused === 0 : unused !== undefined && unused < 8 && trailingZeros(last) === unused;
  if (!canonical) throw malformed(what, "a bit list with surplus bits");
  return bytes.flatMap((byte, i) =>
    [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => (byte & (0x80 >> bit)) !== 0).map((bit) => i * 8 + bit),
  );
}

/**
 * A UTCTime or GeneralizedTime in the form of RFC 5280 section 4.1.2.5, in milliseconds since the
 * epoch. Digit by digit, since a long CRL has a time in every entry.
 */
export function timeOf(element: Element, what: string): number {
  const { tag, contents } = element;
  const yearDigits = tag === tags.utcTime ? 2 : 4;
  const known = tag === tags.utcTime || tag === tags.generalizedTime;
  if (!known || contents.length !== yearDigits + 11 || contents.at(-1) !== 0x5a) {
    throw malformed(what, "a time in no known form");
  }
  const written = yearDigits === 2 ? pairAt(contents, 0) : pairAt(contents, 0) * 100 + pairAt(contents, 2);
  const year = yearDigits === 4 ? written : written + (written < 50 ? 2000 : 1900);
  const month = pairAt(contents, yearDigits);
  const day = pairAt(contents, yearDigits + 2);
  const hour = pairAt(contents, yearDigits + 4);
  const minute = pairAt(contents, yearDigits + 6);
  const second = pairAt(contents, yearDigits + 8);
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  // 30 February and 25 o'clock roll over in Date: what comes back must be what went in
  const exists =
    date.getUTCFullYear() === year &&
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    hour < 24 &&
    minute < 60 &&
    second < 60;
  if (!exists) throw malformed(what, "a time that does not exist");
  return date.getTime();
}

/** A number of two decimal digits, or NaN. */
function pairAt(bytes: Uint8Array, at: number): number {
  const tens = (bytes[at] ?? 0) - 0x30;
  const ones = (bytes[at + 1] ?? 0) - 0x30;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

/** The text of any string type that names use. */
export function stringOf(element: Element, what: string): string {
  const bytes = element.contents;
  switch (element.tag) {
    case tags.utf8String:
      return utf8Of(bytes, what);
    case tags.printableString:
    case tags.ia5String:
    case tags.visibleString:
    case tags.numericString:
      if (bytes.some((byte) => byte > 0x7f)) throw malformed(what, "a string that is not ASCII");
      return Buffer.from(bytes).toString("latin1");
    case tags.teletexString:
      return Buffer.from(bytes).toString("latin1");
    case tags.bmpString:
      if (bytes.length % 2 !== 0) throw malformed(what, "a BMPString of odd length");
      return Buffer.from(bytes).swap16().toString("utf16le");
    case tags.universalString:
      return utf32Of(bytes, what);
    default:
      throw malformed(what, "a string of an unknown type");
  }
}

/** Unlike the text of a file, a name keeps a byte order mark: without it, it is another name. */
function utf8Of(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw malformed(what, "a string that is not valid UTF-8");
  }
}

function utf32Of(bytes: Uint8Array, what: string): string {
  if (bytes.length % 4 !== 0) throw malformed(what, "a UniversalString of broken characters");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let text = "";
  for (let at = 0; at < bytes.length; at += 4) {
    const point = view.getUint32(at);
    if (point > 0x10ffff) throw malformed(what, "a UniversalString with a character that does not exist");
    text += String.fromCodePoint(point);
  }
  return text;
}

function trailingZeros(byte: number): number {
  return byte === 0 ? 8 : 31 - Math.clz32(byte & -byte);
}
