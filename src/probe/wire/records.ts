import { RECORD_OVERFLOW } from "./alerts.ts";
import { byteQueue } from "./byte-queue.ts";
import { DecodeError, uint } from "./codec.ts";

/** RFC 8446, section 5.1. */
export const ContentType = {
  changeCipherSpec: 20,
  alert: 21,
  handshake: 22,
  applicationData: 23,
} as const;

/** The most content that one record carries, in bytes (RFC 8446, section 5.1). */
export const MAX_CONTENT = 16_384;

/** Content and what TLS 1.2 allows for protection (RFC 5246, section 6.2.3). */
const MAX_FRAGMENT = MAX_CONTENT + 2048;

const HEADER = 5;

export interface TlsRecord {
  readonly type: number;
  /** The five bytes before the fragment, which TLS 1.3 authenticates. */
  readonly header: Uint8Array;
  readonly fragment: Uint8Array;
}

export interface RecordSplitter {
  /**
   * Takes what arrived and gives the records that are now complete, one by one: those before a bad
   * one count, however the bytes were cut on their way. Iterating throws a DecodeError at a bad one.
   */
  push(bytes: Uint8Array): Iterable<TlsRecord>;
}

/** Cuts a byte stream into records; holds at most one unfinished record and what came with it. */
export function recordSplitter(): RecordSplitter {
  const pending = byteQueue();
  const next = (): TlsRecord | undefined => {
    const header = pending.peek(HEADER);
    if (header === undefined) return undefined;
    const whole = pending.take(HEADER + checkedLength(header));
    return (
      whole && { type: whole[0] ?? 0, header: whole.subarray(0, HEADER), fragment: whole.subarray(HEADER) }
    );
  };
  function* complete() {
    for (let record = next(); record !== undefined; record = next()) yield record;
  }
  return {
    push(bytes) {
      pending.push(bytes);
      return complete();
    },
  };
}

/** By index and not by destructuring: a hostile server can make many records out of few bytes. */
function checkedLength(header: Uint8Array): number {
  const type = header[0] ?? 0;
  if (type < ContentType.changeCipherSpec || type > ContentType.applicationData || header[1] !== 3) {
    throw new DecodeError("not a TLS record");
  }
  const length = (header[3] ?? 0) * 256 + (header[4] ?? 0);
  if (length > MAX_FRAGMENT) throw new DecodeError("record too long", RECORD_OVERFLOW);
  return length;
}

/** A record's first five bytes. @param version ProtocolVersion, 0x0303 but for a first ClientHello */
export function recordHeader(type: number, length: number, version = 0x0303): Uint8Array {
  return Buffer.concat([uint(type, 1), uint(version, 2), uint(length, 2)]);
}

/** Content in pieces that fit into records; one empty piece where there is none. */
export function fragments(content: Uint8Array, size = MAX_CONTENT): Uint8Array[] {
  const count = Math.max(1, Math.ceil(content.length / size));
  return Array.from({ length: count }, (_, i) => content.subarray(i * size, (i + 1) * size));
}
