import { FleetsecError } from "../../errors.ts";

/**
 * A strict reader of DER (X.690 section 10): definite, minimal lengths of at most four octets,
 * low tag numbers, nothing left over. It never recurses, so nesting costs nothing, and it copies
 * nothing: an element is a place in the bytes it was read from.
 */
export interface Element {
  /** The file that it stands in. */
  readonly bytes: Uint8Array;
  /** The identifier octet: class, constructed bit and number. */
  readonly tag: number;
  /** Where its header, its content and what follows it start. */
  readonly start: number;
  readonly content: number;
  readonly end: number;
}

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** A context-specific tag, primitive (implicit of a primitive type) or constructed. */
export function context(number: number, form: "primitive" | "constructed"): number {
  return 0x80 | (form === "constructed" ? 0x20 : 0) | number;
}

/** What is wrong with the bytes, and where. */
export function malformed(message: string, offset: number): FleetsecError {
  return new FleetsecError("input", `${message} at byte ${offset}`);
}

/** The element that starts at `start`. @throws FleetsecError `input` */
export function readElement(bytes: Uint8Array, start: number, limit: number): Element {
  const tag = bytes[start];
  const first = bytes[start + 1];
  if (tag === undefined || first === undefined || start + 2 > limit) throw malformed("truncated DER", start);
  if ((tag & 0x1f) === 0x1f) throw malformed("a tag number above 30", start);
  let content = start + 2;
  let length = first;
  if (first > 0x7f) {
    const octets = first & 0x7f;
    if (octets === 0) throw malformed("an indefinite length, which DER forbids,", start);
    if (octets > 4) throw malformed("a length of more than 32 bits", start);
    if (content + octets > limit) throw malformed("truncated DER", start);
    length = 0;
    for (let i = 0; i < octets; i += 1) length = length * 256 + (bytes[content + i] ?? 0);
    if (length < 0x80 || length < 256 ** (octets - 1)) throw malformed("a length that is not minimal", start);
    content += octets;
  }
  const end = content + length;
  if (end > limit) throw malformed("an element longer than what holds it", start);
  return { bytes, tag, start, content, end };
}

/** The one element that fills `bytes`. @throws FleetsecError `input` */
export function readWhole(bytes: Uint8Array, tag: number): Element {
  const element = requireTag(readElement(bytes, 0, bytes.length), tag);
  if (element.end !== bytes.length) throw malformed("trailing bytes", element.end);
  return element;
}

/** The one element that fills the content of an octet string or an explicit tag. */
export function readInside(outer: Element, tag: number): Element {
  const element = requireTag(readElement(outer.bytes, outer.content, outer.end), tag);
  if (element.end !== outer.end) throw malformed("trailing bytes", element.end);
  return element;
}

/** Every element in the content of `outer`, in order. */
export function* elementsOf(outer: Element): Generator<Element, void, undefined> {
  for (let at = outer.content; at < outer.end;) {
    const element = readElement(outer.bytes, at, outer.end);
    yield element;
    at = element.end;
  }
}

/** Walks through the fields of a SEQUENCE. */
export interface Cursor {
  /** The next element, of whatever kind. */
  any(): Element;
  /** The next element, which must have this tag. */
  take(tag: number): Element;
  /** The next element if it has this tag. */
  optional(tag: number): Element | undefined;
  /** Whether elements are left. */
  more(): boolean;
  /** @throws FleetsecError `input` where elements are left. */
  done(): void;
}

export function fieldsOf(outer: Element): Cursor {
  let at = outer.content;
  const any = () => {
    const element = readElement(outer.bytes, at, outer.end);
    at = element.end;
    return element;
  };
  return {
    any,
    take: (tag) => requireTag(any(), tag),
    optional: (tag) => (at < outer.end && outer.bytes[at] === tag ? any() : undefined),
    more: () => at < outer.end,
    done: () => {
      if (at < outer.end) throw malformed("an element that does not belong there", at);
    },
  };
}

export function contentOf(element: Element): Uint8Array {
  return element.bytes.subarray(element.content, element.end);
}

/** The element with its header, as it stands in the file. */
export function encodingOf(element: Element): Uint8Array {
  return element.bytes.subarray(element.start, element.end);
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

export function requireTag(element: Element, tag: number): Element {
  if (element.tag === tag) return element;
  throw malformed(`tag 0x${element.tag.toString(16)} instead of 0x${tag.toString(16)}`, element.start);
}
