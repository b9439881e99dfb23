import { createHash } from "node:crypto";
import type { CipherSuite } from "./cipher-suites.ts";
import { expandLabel, hmac } from "./key-schedule.ts";

type Hash = CipherSuite["hash"];

/** Bytes of a hash's output, which is also the length of each secret (RFC 8446, section 7.1). */
export const hashLength: Readonly<Record<Hash, number>> = { sha256: 32, sha384: 48 };

/** @param psk the pre-shared key; all zeros where there is none */
export function earlySecret(hash: Hash, psk: Uint8Array = zeros(hash)): Uint8Array {
  return hmac(hash, zeros(hash), psk);
}

/** @param shared the result of the (EC)DHE key agreement */
export function handshakeSecret(hash: Hash, early: Uint8Array, shared: Uint8Array): Uint8Array {
  return hmac(hash, deriveSecret(hash, early, "derived", emptyHash(hash)), shared);
}

export function masterSecret13(hash: Hash, handshake: Uint8Array): Uint8Array {
  return hmac(hash, deriveSecret(hash, handshake, "derived", emptyHash(hash)), zeros(hash));
}

/**
 * Derive-Secret (RFC 8446, section 7.1), with the transcript already hashed.
 * @param label e.g. `c hs traffic`
 */
export function deriveSecret(
  hash: Hash,
  secret: Uint8Array,
  label: string,
  transcriptHash: Uint8Array,
): Uint8Array {
  return expandLabel(hash, secret, label, transcriptHash, hashLength[hash]);
}

/** verify_data of Finished (RFC 8446, section 4.4.4). @param base the sender's traffic secret */
export function finishedMac(hash: Hash, base: Uint8Array, transcriptHash: Uint8Array): Uint8Array {
  return hmac(hash, expandLabel(hash, base, "finished", new Uint8Array(), hashLength[hash]), transcriptHash);
}

/**
 * The binder of a PSK that came with a ticket (RFC 8446, section 4.2.11.2).
 * @param truncatedHash hash of the transcript up to, and without, the list of binders
 */
export function pskBinder(hash: Hash, psk: Uint8Array, truncatedHash: Uint8Array): Uint8Array {
  const key = deriveSecret(hash, earlySecret(hash, psk), "res binder", emptyHash(hash));
  return finishedMac(hash, key, truncatedHash);
}

/** The PSK of a ticket (RFC 8446, section 4.6.1). */
export function ticketPsk(hash: Hash, resumptionMaster: Uint8Array, nonce: Uint8Array): Uint8Array {
  return expandLabel(hash, resumptionMaster, "resumption", nonce, hashLength[hash]);
}

function emptyHash(hash: Hash): Uint8Array {
  return createHash(hash).digest();
}

function zeros(hash: Hash): Uint8Array {
  return new Uint8Array(hashLength[hash]);
}
