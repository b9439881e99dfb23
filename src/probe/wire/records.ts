import { DecodeError } from "./codec.ts";

/** RFC 8446, section 5.1. */
export const ContentType = {
  changeCipherSpec: 20,
  alert: 21,
  handshake: 22,
  applicationData: 23,
} as const;

/** 2^14 bytes of content and what TLS 1.2 allows for protection (RFC 5246, section 6.2.3). */
const MAX_FRAGMENT = 16_384 + 2048;

export interface TlsRecord {
  readonly type: number;
  /** The five bytes before the fragment, which TLS 1.3 authenticates. */
  readonly header: Uint8Array;
  readonly fragment: Uint8Array;
}

export interface RecordSplitter {
  /** Takes what arrived and gives the records that are now complete. @throws DecodeError */
  push(bytes: Uint8Array): TlsRecord[];
}

/** Cuts a byte stream into records; holds at most one unfinished record. */
export function recordSplitter(): RecordSplitter {
  let pending: Buffer = Buffer.alloc(0);
  return {
    push(bytes) {
      pending = pending.length === 0 ? Buffer.from(bytes) : Buffer.concat([pending, bytes]);
      const records: TlsRecord[] = [];
      let at = 0;
      while (pending.length - at >= 5) {
        const length = checkedLength(pending.subarray(at, at + 5));
        if (pending.length - at < 5 + length) break;
        records.push({
          type: pending[at] ?? 0,
          header: pending.subarray(at, at + 5),
          fragment: pending.subarray(at + 5, at + 5 + length),
        });
        at += 5 + length;
      }
      pending = pending.subarray(at);
      return records;
    },
  };
}

function checkedLength(header: Buffer): number {
  const type = header[0] ?? 0;
  if (type < ContentType.changeCipherSpec || type > ContentType.applicationData || header[1] !== 3) {
    throw new DecodeError("not a TLS record");
  }
  const length = header.readUInt16BE(3);
  if (length > MAX_FRAGMENT) throw new DecodeError("record too long");
  return length;
}
