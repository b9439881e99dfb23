import { FleetsecError } from "../../errors.ts";

/** One DER element. `raw` is the whole of it, header included, as it stands in the input. */
export interface Element {
  /** The identifier octet: class, constructed bit and number. */
  readonly tag: number;
  readonly contents: Uint8Array;
  readonly raw: Uint8Array;
}

/** Elements one after another. Every method but `done` and `peek` moves on or throws. */
export interface DerReader {
  done(): boolean;
  /** The identifier octet of the next element, or undefined at the end. */
  peek(): number | undefined;
  /** The next element. @throws FleetsecError `input` when there is none, or none of that tag */
  next(tag?: number): Element;
  /** The next element where it has that tag. */
  optional(tag: number): Element | undefined;
  /** @throws FleetsecError `input` when something is left */
  end(): void;
}

/** Identifier octets. */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  visibleString: 0x1a,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
  /** `[number]`, constructed. */
  constructed: (number: number) => 0xa0 | number,
  /** `[number]`, primitive. */
  primitive: (number: number) => 0x80 | number,
} as const;

/**
 * Reads DER strictly: definite minimal lengths, low tag numbers, nothing beyond the end. Elements
 * are views of `bytes`, never copies, so reading is linear in what is looked at.
 * @param what what is being read, for messages: "certificate"
 */
export function derReader(bytes: Uint8Array, what: string): DerReader {
  let at = 0;
  const reader: DerReader = {
    done: () => at >= bytes.length,
    peek: () => bytes[at],
    next(tag) {
      const found = elementAt(bytes, at, what);
      if (tag !== undefined && found.tag !== tag) {
        throw malformed(what, `tag ${hex(tag)} expected, ${hex(found.tag)} found`);
      }
      at += found.raw.length;
      return found;
    },
    optional: (tag) => (bytes[at] === tag ? reader.next(tag) : undefined),
    end() {
      if (at < bytes.length) throw malformed(what, `${bytes.length - at} bytes are left over`);
    },
  };
  return reader;
}

/** Every element of `bytes`, in order. */
export function* elementsOf(bytes: Uint8Array, what: string): Generator<Element, void, undefined> {
  const reader = derReader(bytes, what);
  while (!reader.done()) yield reader.next();
}

/** The one element that `bytes` consist of. */
export function readSingle(bytes: Uint8Array, tag: number, what: string): Element {
  const reader = derReader(bytes, what);
  const found = reader.next(tag);
  reader.end();
  return found;
}

export function malformed(what: string, detail: string): FleetsecError {
  return new FleetsecError("input", `malformed ${what}: ${detail}`);
}

function elementAt(bytes: Uint8Array, at: number, what: string): Element {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) throw malformed(what, "it is cut short");
  if ((tag & 0x1f) === 0x1f) throw malformed(what, "a high tag number");
  let start = at + 2;
  let length = first;
  if (first === 0x80) throw malformed(what, "an indefinite length");
  if (first > 0x80) {
    const size = first & 0x7f;
    if (size > 4) throw malformed(what, "a length beyond 4 bytes");
    length = 0;
    for (let i = 0; i < size; i += 1) length = length * 256 + (bytes[start + i] ?? 0);
    start += size;
    if (length < 0x80 || length < 256 ** (size - 1)) throw malformed(what, "a length that is not minimal");
  }
  const end = start + length;
  if (end > bytes.length) throw malformed(what, "it is cut short");
  return { tag, contents: bytes.subarray(start, end), raw: bytes.subarray(at, end) };
}

function hex(tag: number): string {
  return `0x${tag.toString(16).padStart(2, "0")}`;
}
