import type { CipherGCMTypes } from "node:crypto";

export interface CipherSuite {
  readonly aead: CipherGCMTypes | "chacha20-poly1305";
  readonly keyLength: 16 | 32;
  readonly hash: "sha256" | "sha384";
}

const aes128: CipherSuite = { aead: "aes-128-gcm", keyLength: 16, hash: "sha256" };
const aes256: CipherSuite = { aead: "aes-256-gcm", keyLength: 32, hash: "sha384" };
const chacha: CipherSuite = { aead: "chacha20-poly1305", keyLength: 32, hash: "sha256" };

/** The AEAD suites of TLS 1.3 (RFC 8446, B.4) and TLS 1.2 (RFC 5288, 5289, 7905) by code point. */
export const cipherSuites: ReadonlyMap<number, CipherSuite> = new Map([
  [0x1301, aes128],
  [0x1302, aes256],
  [0x1303, chacha],
  // ECDHE-ECDSA, ECDHE-RSA, DHE-RSA, RSA
  [0xc02b, aes128],
  [0xc02f, aes128],
  [0x009e, aes128],
  [0x009c, aes128],
  [0xc02c, aes256],
  [0xc030, aes256],
  [0x009f, aes256],
  [0x009d, aes256],
  [0xcca9, chacha],
  [0xcca8, chacha],
  [0xccaa, chacha],
]);
