import { createHmac } from "node:crypto";
import type { CipherSuite } from "./cipher-suites.ts";
import { uint, vector } from "./codec.ts";

export interface TrafficKeys {
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
}

/** HKDF-Expand-Label (RFC 8446, section 7.1). */
export function expandLabel(
  hash: CipherSuite["hash"],
  secret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  const info = Buffer.concat([uint(length, 2), vector(1, Buffer.from(`tls13 ${label}`)), vector(1, context)]);
  return hkdfExpand(hash, secret, info, length);
}

/** Keys of a TLS 1.3 traffic secret (RFC 8446, section 7.3). */
export function trafficKeys(suite: CipherSuite, secret: Uint8Array): TrafficKeys {
  return {
    key: expandLabel(suite.hash, secret, "key", EMPTY, suite.keyLength),
    iv: expandLabel(suite.hash, secret, "iv", EMPTY, 12),
  };
}

/** The secret that follows a KeyUpdate (RFC 8446, section 7.2). */
export function nextTrafficSecret(suite: CipherSuite, secret: Uint8Array): Uint8Array {
  return expandLabel(suite.hash, secret, "traffic upd", EMPTY, secret.length);
}

/**
 * Keys of a TLS 1.2 AEAD suite, for the client's and the server's records (RFC 5246, section 6.3).
 * AES-GCM has 4 bytes of fixed IV (RFC 5288), ChaCha20-Poly1305 all 12 (RFC 7905).
 */
export function keyBlock(
  suite: CipherSuite,
  master: Uint8Array,
  clientRandom: Uint8Array,
  serverRandom: Uint8Array,
): { readonly client: TrafficKeys; readonly server: TrafficKeys } {
  const { keyLength } = suite;
  const ivLength = suite.aead === "chacha20-poly1305" ? 12 : 4;
  const seed = Buffer.concat([serverRandom, clientRandom]);
  const block = prf(suite.hash, master, "key expansion", seed, 2 * (keyLength + ivLength));
  const ivs = 2 * keyLength;
  return {
    client: { key: block.subarray(0, keyLength), iv: block.subarray(ivs, ivs + ivLength) },
    server: { key: block.subarray(keyLength, ivs), iv: block.subarray(ivs + ivLength) },
  };
}

/** The PRF of TLS 1.2 (RFC 5246, section 5). */
export function prf(
  hash: CipherSuite["hash"],
  secret: Uint8Array,
  label: string,
  seed: Uint8Array,
  length: number,
): Uint8Array {
  const labelled = Buffer.concat([Buffer.from(label), seed]);
  const blocks: Uint8Array[] = [];
  for (let a: Uint8Array = labelled, have = 0; have < length; have += blocks.at(-1)?.length ?? 0) {
    a = hmac(hash, secret, a);
    blocks.push(hmac(hash, secret, a, labelled));
  }
  return Buffer.concat(blocks).subarray(0, length);
}

const EMPTY = new Uint8Array();

/** RFC 5869, section 2.3. */
function hkdfExpand(
  hash: CipherSuite["hash"],
  secret: Uint8Array,
  info: Uint8Array,
  length: number,
): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (let have = 0; have < length; have += blocks.at(-1)?.length ?? 0) {
    blocks.push(hmac(hash, secret, blocks.at(-1) ?? EMPTY, info, uint(blocks.length + 1, 1)));
  }
  return Buffer.concat(blocks).subarray(0, length);
}

export function hmac(hash: CipherSuite["hash"], key: Uint8Array, ...data: readonly Uint8Array[]): Uint8Array {
  const mac = createHmac(hash, key);
  for (const part of data) mac.update(part);
  return mac.digest();
}
