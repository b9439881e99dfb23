import { DECODE_ERROR } from "./alerts.ts";
import { ProtocolError } from "./protocol-error.ts";

/** Bytes that are not what the protocol says they should be. */
export class DecodeError extends ProtocolError {
  override readonly name = "DecodeError";

  constructor(message: string, alert = DECODE_ERROR) {
    super(message, alert);
  }
}

/** Reads the presentation language of RFC 8446, section 3, and never past the end. */
export interface Reader {
  readonly remaining: number;
  uint(bytes: 1 | 2 | 3 | 4): number;
  take(length: number): Uint8Array;
  /** A vector whose length stands in its first 1, 2 or 3 bytes. @param floor its least length in bytes */
  vector(lengthBytes: 1 | 2 | 3, floor?: number): Uint8Array;
  /** @throws DecodeError where bytes are left over */
  end(): void;
}

export function reader(bytes: Uint8Array): Reader {
  let at = 0;
  const take = (length: number): Uint8Array => {
    if (length > bytes.length - at) throw new DecodeError("truncated");
    at += length;
    return bytes.subarray(at - length, at);
  };
  const number = (length: number) => take(length).reduce((value, byte) => value * 256 + byte, 0);
  return {
    get remaining() {
      return bytes.length - at;
    },
    uint: number,
    take,
    vector(lengthBytes, floor = 0) {
      const contents = take(number(lengthBytes));
      if (contents.length < floor) throw new DecodeError("vector too short");
      return contents;
    },
    end() {
      if (at !== bytes.length) throw new DecodeError("trailing bytes");
    },
  };
}

/** Reads the whole of `bytes`. @throws DecodeError where some are left over */
export function parse<T>(bytes: Uint8Array, read: (from: Reader) => T): T {
  const from = reader(bytes);
  const value = read(from);
  from.end();
  return value;
}

/** A reader's items until its end. @param item takes at least one byte, or throws */
export function listOf<T>(bytes: Uint8Array, item: (from: Reader) => T): T[] {
  const from = reader(bytes);
  const items: T[] = [];
  while (from.remaining > 0) items.push(item(from));
  return items;
}

/** An unsigned integer in big-endian order. */
export function uint(value: number, length: 1 | 2 | 3 | 4 | 8): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = length - 1, rest = value; i >= 0; i -= 1, rest = Math.floor(rest / 256)) bytes[i] = rest % 256;
  return bytes;
}

/** A vector: its length in 1, 2 or 3 bytes, then the parts. */
export function vector(lengthBytes: 1 | 2 | 3, ...parts: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(parts);
  if (body.length >= 2 ** (8 * lengthBytes)) throw new RangeError("vector too long");
  return Buffer.concat([uint(body.length, lengthBytes), body]);
}
