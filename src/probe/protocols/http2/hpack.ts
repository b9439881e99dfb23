import { DecodeError, reader, type Reader } from "../../wire/codec.ts";
import { decodeHuffman } from "./huffman.ts";

/** A header field: its name in lower case, and its value, as Latin-1 text. */
export type Field = readonly [name: string, value: string];

/** RFC 7541, appendix A; the first has index 1. */
const STATIC: readonly Field[] = [
  [":authority", ""],
  [":method", "GET"],
  [":method", "POST"],
  [":path", "/"],
  [":path", "/index.html"],
  [":scheme", "http"],
  [":scheme", "https"],
  ...["200", "204", "206", "304", "400", "404", "500"].map((status) => [":status", status] as const),
  ["accept-charset", ""],
  ["accept-encoding", "gzip, deflate"],
  ...`accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control
    content-disposition content-encoding content-language content-length content-location content-range
    content-type cookie date etag expect expires from host if-match if-modified-since if-none-match if-range
    if-unmodified-since last-modified link location max-forwards proxy-authenticate proxy-authorization range
    referer refresh retry-after server set-cookie strict-transport-security transfer-encoding user-agent vary
    via www-authenticate`
    .split(/\s+/)
    .map((name) => [name, ""] as const),
];

/** What a decoder keeps unless it asks for less (RFC 9113, section 6.5.2). */
const TABLE_SIZE = 4096;
/** What each entry of the table costs on top of its text (RFC 7541, section 4.1). */
const ENTRY_OVERHEAD = 32;
/** Of one field block, counted as table entries are: a few bytes can stand for a table full. */
const MAX_BLOCK = 32_768;

/** Decodes the field blocks of one connection, in order. */
export interface FieldDecoder {
  /** @throws DecodeError for what is no field block, or stands for more than `MAX_BLOCK` */
  decode(block: Uint8Array): Field[];
}

export function fieldDecoder(): FieldDecoder {
  const dynamic: Field[] = [];
  let capacity = TABLE_SIZE;
  let size = 0;
  const evict = () => {
    while (size > capacity) size -= sizeOf(dynamic.pop() ?? ["", ""]);
  };
  const fieldAt = (index: number): Field => {
    const field = index <= STATIC.length ? STATIC[index - 1] : dynamic[index - STATIC.length - 1];
    if (field === undefined) throw new DecodeError("no such header field");
    return field;
  };
  const literal = (from: Reader, nameIndex: number): Field => [
    nameIndex === 0 ? string(from) : fieldAt(nameIndex)[0],
    string(from),
  ];
  /** One representation (RFC 7541, section 6); undefined for a change of the table's size. */
  const representation = (from: Reader): Field | undefined => {
    const first = from.uint(1);
    if (first >= 0x80) return fieldAt(integer(from, first, 7));
    if (first >= 0x40) {
      const field = literal(from, integer(from, first, 6));
      dynamic.unshift(field);
      size += sizeOf(field);
      evict();
      return field;
    }
    if (first < 0x20) return literal(from, integer(from, first, 4));
    capacity = integer(from, first, 5);
    if (capacity > TABLE_SIZE) throw new DecodeError("header table too large");
    evict();
    return undefined;
  };
  return {
    decode(block) {
      const from = reader(block);
      const fields: Field[] = [];
      for (let total = 0; from.remaining > 0;) {
        const field = representation(from);
        if (field === undefined) continue;
        total += sizeOf(field);
        if (total > MAX_BLOCK) throw new DecodeError("too many header fields");
        fields.push(field);
      }
      return fields;
    },
  };
}

function sizeOf([name, value]: Field): number {
  return name.length + value.length + ENTRY_OVERHEAD;
}

/** RFC 7541, section 5.1. @param first the byte whose low bits begin it */
function integer(from: Reader, first: number, bits: number): number {
  const most = 2 ** bits - 1;
  let value = first & most;
  if (value < most) return value;
  for (let scale = 1; ; scale *= 128) {
    const byte = from.uint(1);
    value += (byte & 0x7f) * scale;
    // no index or length that fits into a block is longer
    if (value > MAX_BLOCK) throw new DecodeError("integer too large");
    if (byte < 0x80) return value;
    if (scale > MAX_BLOCK) throw new DecodeError("integer too long");
  }
}

/** RFC 7541, section 5.2. */
function string(from: Reader): string {
  const first = from.uint(1);
  const bytes = from.take(integer(from, first, 7));
  return Buffer.from(first >= 0x80 ? decodeHuffman(bytes) : bytes).toString("latin1");
}

/** A field block of literals that no table remembers. */
export function encodeFields(fields: readonly Field[]): Uint8Array {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.of(0), literalString(name), literalString(value)]),
  );
}

function literalString(text: string): Uint8Array {
  const bytes = Buffer.from(text, "latin1");
  const length = [];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128);
  return Buffer.concat([
    bytes.length < 127 ? Buffer.of(bytes.length) : Buffer.of(127, ...length, rest),
    bytes,
  ]);
}
