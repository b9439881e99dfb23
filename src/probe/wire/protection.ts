import { createDecipheriv } from "node:crypto";
import type { CipherSuite } from "./cipher-suites.ts";
import { DecodeError, uint } from "./codec.ts";
import type { TrafficKeys } from "./key-schedule.ts";
import type { TlsRecord } from "./records.ts";

export interface Content {
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** Opens the records of one direction, in order. @throws DecodeError on a record that does not authenticate */
export type Opener = (record: TlsRecord) => Content;

const TAG = 16;

/** Record protection of TLS 1.3 (RFC 8446, section 5.2). */
export function opener13(suite: CipherSuite, keys: TrafficKeys): Opener {
  let sequence = 0;
  return ({ header, fragment }) => {
    const inner = openAead(suite, keys.key, xorSequence(keys.iv, sequence), header, fragment);
    sequence += 1;
    // the content type is the last byte that is not padding
    let end = inner.length;
    while (end > 0 && inner[end - 1] === 0) end -= 1;
    if (end === 0) throw new DecodeError("record without content");
    return { type: inner[end - 1] ?? 0, bytes: inner.subarray(0, end - 1) };
  };
}

/** Record protection of TLS 1.2's AEAD suites (RFC 5288, RFC 7905). */
export function opener12(suite: CipherSuite, keys: TrafficKeys): Opener {
  let sequence = 0;
  const explicit = suite.aead === "chacha20-poly1305" ? 0 : 8;
  return ({ type, header, fragment }) => {
    if (fragment.length < explicit + TAG) throw new DecodeError("truncated record");
    const nonce =
      explicit === 0
        ? xorSequence(keys.iv, sequence)
        : Buffer.concat([keys.iv, fragment.subarray(0, explicit)]);
    const length = fragment.length - explicit - TAG;
    const aad = Buffer.concat([uint(sequence, 8), header.subarray(0, 3), uint(length, 2)]);
    const bytes = openAead(suite, keys.key, nonce, aad, fragment.subarray(explicit));
    sequence += 1;
    return { type, bytes };
  };
}

/** Records before protection: the content is the fragment. */
export const openPlain: Opener = ({ type, fragment }) => ({ type, bytes: fragment });

function openAead(
  { aead }: CipherSuite,
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Uint8Array {
  if (sealed.length < TAG) throw new DecodeError("truncated record");
  // the AEAD interface of node is the same for both; its types name only GCM
  const decipher = createDecipheriv(aead as "aes-128-gcm", key, nonce, { authTagLength: TAG });
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(-TAG));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, -TAG)), decipher.final()]);
  } catch {
    throw new DecodeError("record does not authenticate");
  }
}

/** The per-record nonce: the sequence number, exclusive-ored into the IV (RFC 8446, section 5.3). */
function xorSequence(iv: Uint8Array, sequence: number): Uint8Array {
  const nonce = Uint8Array.from(iv);
  uint(sequence, 8).forEach((byte, i) => (nonce[4 + i] = (nonce[4 + i] ?? 0) ^ byte));
  return nonce;
}
