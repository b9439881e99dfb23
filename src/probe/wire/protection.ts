import { createCipheriv, createDecipheriv } from "node:crypto";
import { BAD_RECORD_MAC, RECORD_OVERFLOW, UNEXPECTED_MESSAGE } from "./alerts.ts";
import type { CipherSuite } from "./cipher-suites.ts";
import { DecodeError, uint } from "./codec.ts";
import type { TrafficKeys } from "./key-schedule.ts";
import { ContentType, MAX_CONTENT, recordHeader, type TlsRecord } from "./records.ts";

export interface Content {
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** Opens the records of one direction, in order. @throws DecodeError on a record that does not authenticate */
export type Opener = (record: TlsRecord) => Content;

/** Makes the records of one direction, in order, each of at most 2^14 bytes of content. */
export type Sealer = (content: Content) => Uint8Array;

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
    if (end === 0) throw new DecodeError("record without content", UNEXPECTED_MESSAGE);
    return bounded({ type: inner[end - 1] ?? 0, bytes: inner.subarray(0, end - 1) });
  };
}

/**
 * Opens records under new keys, and an alert under those before them: a server that fails in the middle of
 * the handshake may not have changed its own yet (Erlang/OTP).
 */
export function openerAfter(before: Opener, next: Opener): Opener {
  if (before === openPlain) return next;
  return (record) => {
    try {
      return next(record);
    } catch (error) {
      const late = error instanceof DecodeError ? opened(before, record) : undefined;
      if (late?.type !== ContentType.alert) throw error;
      return late;
    }
  };
}

function opened(opener: Opener, record: TlsRecord): Content | undefined {
  try {
    return opener(record);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return undefined;
  }
}

export function sealer13(suite: CipherSuite, keys: TrafficKeys): Sealer {
  let sequence = 0;
  return ({ type, bytes }) => {
    const inner = Buffer.concat([bytes, uint(type, 1)]);
    const header = recordHeader(ContentType.applicationData, inner.length + TAG);
    const sealed = sealAead(suite, keys.key, xorSequence(keys.iv, sequence), header, inner);
    sequence += 1;
    return Buffer.concat([header, sealed]);
  };
}

/** Record protection of TLS 1.2's AEAD suites (RFC 5246, section 6.2.3.3; RFC 5288; RFC 7905). */
export function opener12(suite: CipherSuite, keys: TrafficKeys): Opener {
  let sequence = 0;
  return ({ type, header, fragment }) => {
    const explicit = fragment.subarray(0, explicitNonceLength(suite));
    const sealed = fragment.subarray(explicit.length);
    const aad = additionalData(sequence, header, sealed.length - TAG);
    const bytes = openAead(suite, keys.key, nonce12(keys.iv, sequence, explicit), aad, sealed);
    sequence += 1;
    return bounded({ type, bytes });
  };
}

export function sealer12(suite: CipherSuite, keys: TrafficKeys): Sealer {
  let sequence = 0;
  return ({ type, bytes }) => {
    // RFC 5288, section 3: unique under one key; the sequence number is
    const explicit = uint(sequence, 8).subarray(0, explicitNonceLength(suite));
    const header = recordHeader(type, explicit.length + bytes.length + TAG);
    const aad = additionalData(sequence, header, bytes.length);
    const sealed = sealAead(suite, keys.key, nonce12(keys.iv, sequence, explicit), aad, bytes);
    sequence += 1;
    return Buffer.concat([header, explicit, sealed]);
  };
}

/** Records before protection: the content is the fragment. */
export const openPlain: Opener = ({ type, fragment }) => bounded({ type, bytes: fragment });

/** @param version a first ClientHello says 0x0301 for the sake of old servers (RFC 8446, section 5.1) */
export function plainSealer(version = 0x0303): Sealer {
  return ({ type, bytes }) => Buffer.concat([recordHeader(type, bytes.length, version), bytes]);
}

function bounded(content: Content): Content {
  if (content.bytes.length > MAX_CONTENT) throw new DecodeError("record content too long", RECORD_OVERFLOW);
  return content;
}

function openAead(
  { aead }: CipherSuite,
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Uint8Array {
  if (sealed.length < TAG) throw new DecodeError("truncated record", BAD_RECORD_MAC);
  // the AEAD interface of node is the same for both; its types name only GCM
  const decipher = createDecipheriv(aead as "aes-128-gcm", key, nonce, { authTagLength: TAG });
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(-TAG));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, -TAG)), decipher.final()]);
  } catch {
    throw new DecodeError("record does not authenticate", BAD_RECORD_MAC);
  }
}

function sealAead(
  { aead }: CipherSuite,
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  content: Uint8Array,
): Uint8Array {
  const cipher = createCipheriv(aead as "aes-128-gcm", key, nonce, { authTagLength: TAG });
  cipher.setAAD(aad);
  return Buffer.concat([cipher.update(content), cipher.final(), cipher.getAuthTag()]);
}

/** AES-GCM carries half of its nonce in the record (RFC 5288, section 3), ChaCha20 nothing (RFC 7905). */
function explicitNonceLength(suite: CipherSuite): 0 | 8 {
  return suite.aead === "chacha20-poly1305" ? 0 : 8;
}

function nonce12(iv: Uint8Array, sequence: number, explicit: Uint8Array): Uint8Array {
  return iv.length === 12 ? xorSequence(iv, sequence) : Buffer.concat([iv, explicit]);
}

/** RFC 5246, section 6.2.3.3: sequence number, type, version and the length of the content. */
function additionalData(sequence: number, header: Uint8Array, length: number): Uint8Array {
  if (length < 0) throw new DecodeError("truncated record", BAD_RECORD_MAC);
  return Buffer.concat([uint(sequence, 8), header.subarray(0, 3), uint(length, 2)]);
}

/** The per-record nonce: the sequence number, exclusive-ored into the IV (RFC 8446, section 5.3). */
function xorSequence(iv: Uint8Array, sequence: number): Uint8Array {
  const nonce = Uint8Array.from(iv);
  uint(sequence, 8).forEach((byte, i) => (nonce[4 + i] = (nonce[4 + i] ?? 0) ^ byte));
  return nonce;
}
