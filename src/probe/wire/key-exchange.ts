import { HANDSHAKE_FAILURE } from "./alerts.ts";
import { DecodeError, parse, vector } from "./codec.ts";
import type { CertificateVerify } from "./handshake.ts";

/** ServerKeyExchange of TLS 1.2's ECDHE suites (RFC 8422, section 5.4). */
export interface ServerKeyExchange extends CertificateVerify {
  /** NamedGroup. */
  readonly group: number;
  readonly publicKey: Uint8Array;
  /** ServerECDHParams as they stand in the message: what is signed, behind the two randoms. */
  readonly params: Uint8Array;
}

const NAMED_CURVE = 3;

/** @throws DecodeError */
export function parseServerKeyExchange(body: Uint8Array): ServerKeyExchange {
  return parse(body, (from) => {
    if (from.uint(1) !== NAMED_CURVE) throw new DecodeError("an unnamed curve", HANDSHAKE_FAILURE);
    const group = from.uint(2);
    const publicKey = from.vector(1, 1);
    const params = body.subarray(0, body.length - from.remaining);
    return { group, publicKey, params, scheme: from.uint(2), signature: from.vector(2) };
  });
}

/** ClientKeyExchange of ECDHE (RFC 8422, section 5.7). */
export function encodeClientKeyExchange(publicKey: Uint8Array): Uint8Array {
  return vector(1, publicKey);
}
