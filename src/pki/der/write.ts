/**
 * DER encoding (X.690) of the few types that X.509 needs. Written out rather than taken from an
 * ASN.1 library because issuance and CRLs live on it: a certificate through decorated classes costs
 * 0.6 ms, four times its key generation and signature together.
 */

const MAX_SHORT_LENGTH = 0x7f;

/** Tag, length and the contents, one after another. `tag` is the whole identifier octet. */
export function element(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  return elementOf(tag, contents);
}

/** The same, for more parts than a call can have arguments. */
function elementOf(tag: number, contents: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of contents) length += part.length;
  const sizeOfLength = length <= MAX_SHORT_LENGTH ? 0 : byteCount(length);
  const out = new Uint8Array(2 + sizeOfLength + length);
  out[0] = tag;
  if (sizeOfLength === 0) out[1] = length;
  else {
    out[1] = 0x80 | sizeOfLength;
    for (let i = 0, rest = length; i < sizeOfLength; i += 1, rest = Math.floor(rest / 256)) {
      out[1 + sizeOfLength - i] = rest % 256;
    }
  }
  let at = 2 + sizeOfLength;
  for (const part of contents) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function sequence(...items: readonly Uint8Array[]): Uint8Array {
  return element(0x30, ...items);
}

/** SEQUENCE OF, however long. */
export function sequenceOf(items: readonly Uint8Array[]): Uint8Array {
  return elementOf(0x30, items);
}

/** SET OF: DER wants the encodings in ascending order (X.690 section 11.6). */
export function setOf(...items: readonly Uint8Array[]): Uint8Array {
  return element(0x31, ...[...items].sort((a, b) => Buffer.compare(a, b)));
}

/** A constructed context tag, `[number] EXPLICIT`, or IMPLICIT around a constructed type's contents. */
export function constructed(number: number, ...items: readonly Uint8Array[]): Uint8Array {
  return element(0xa0 | number, ...items);
}

/** A primitive context tag, `[number] IMPLICIT`, around a primitive type's contents. */
export function primitive(number: number, contents: Uint8Array): Uint8Array {
  return element(0x80 | number, contents);
}

export function boolean(value: boolean): Uint8Array {
  return Uint8Array.of(0x01, 0x01, value ? 0xff : 0x00);
}

/** A non-negative INTEGER, from a number or from its big-endian magnitude. */
export function integer(value: number | Uint8Array): Uint8Array {
  const magnitude = typeof value === "number" ? magnitudeOf(value) : value;
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start += 1;
  const minimal = magnitude.subarray(start);
  if (minimal.length === 0) return element(0x02, Uint8Array.of(0));
  return (minimal[0] ?? 0) >= 0x80 ? element(0x02, Uint8Array.of(0), minimal) : element(0x02, minimal);
}

export function enumerated(value: number): Uint8Array {
  return element(0x0a, Uint8Array.of(value));
}

export function octetString(bytes: Uint8Array): Uint8Array {
  return element(0x04, bytes);
}

/** A BIT STRING of whole bytes. */
export function bitString(bytes: Uint8Array): Uint8Array {
  return element(0x03, Uint8Array.of(0), bytes);
}

/** A NamedBitList: trailing zero bits are left out (X.690 section 11.2.2). */
export function namedBits(bits: readonly number[]): Uint8Array {
  if (bits.length === 0) return element(0x03, Uint8Array.of(0));
  const highest = Math.max(...bits);
  const bytes = new Uint8Array((highest >> 3) + 1);
  for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return element(0x03, Uint8Array.of(7 - (highest & 7)), bytes);
}

export function nullValue(): Uint8Array {
  return Uint8Array.of(0x05, 0x00);
}

/** An OBJECT IDENTIFIER from its dotted form, which is our own constant or was checked. */
export function oid(dotted: string): Uint8Array {
  const known = encodedOids.get(dotted);
  if (known !== undefined) return known;
  const encoded = encodeOid(dotted);
  if (encodedOids.size < MAX_OIDS) encodedOids.set(dotted, encoded);
  return encoded;
}

/** A certificate has a dozen, and the next one the same: encoding them took a tenth of its time. */
const encodedOids = new Map<string, Uint8Array>();
const MAX_OIDS = 256;

function encodeOid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const septets = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) {
      septets.unshift(0x80 | (left % 128));
    }
    bytes.push(...septets);
  }
  return element(0x06, Uint8Array.from(bytes));
}

export function utf8String(text: string): Uint8Array {
  return element(0x0c, Buffer.from(text, "utf8"));
}

/**
 * A Time as RFC 5280 section 4.1.2.5 has it: UTCTime through 2049, GeneralizedTime after, in whole
 * seconds (a fraction is cut off).
 */
export function time(milliseconds: number): Uint8Array {
  const digits = timeDigits(milliseconds);
  const year = Number(digits.slice(0, 4));
  return year >= 1950 && year < 2050
    ? element(0x17, Buffer.from(digits.slice(2), "latin1"))
    : generalizedTime(milliseconds);
}

/** A GeneralizedTime in whole seconds, which OCSP uses for every year (RFC 6960 section 4.2.1). */
export function generalizedTime(milliseconds: number): Uint8Array {
  return element(0x18, Buffer.from(timeDigits(milliseconds), "latin1"));
}

/** `20260301120000Z` */
function timeDigits(milliseconds: number): string {
  const [date = "", clock = ""] = new Date(milliseconds).toISOString().split("T");
  return `${date.replaceAll("-", "")}${clock.slice(0, "00:00:00".length).replaceAll(":", "")}Z`;
}

function magnitudeOf(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let left = value; left > 0; left = Math.floor(left / 256)) bytes.unshift(left % 256);
  return Uint8Array.from(bytes);
}

function byteCount(value: number): number {
  let count = 0;
  for (let left = value; left > 0; left = Math.floor(left / 256)) count += 1;
  return count;
}
