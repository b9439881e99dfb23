import { createHash } from "node:crypto";
import type { CipherSuite } from "./cipher-suites.ts";
import { encodeMessage, type HandshakeMessage, MESSAGE_HASH } from "./handshake.ts";

/**
 * The handshake messages of both sides, in order. TLS 1.2 signs them as they are, and the hash of
 * TLS 1.3 is not known before ServerHello, so they are kept; the connection's limits bound them.
 */
export interface Transcript {
  add(message: HandshakeMessage): void;
  /** The messages one after another, with `more` behind them. */
  bytes(...more: readonly Uint8Array[]): Uint8Array;
  /** Transcript-Hash (RFC 8446, section 4.4.1), with `more` behind the messages. */
  hash(name: CipherSuite["hash"], ...more: readonly Uint8Array[]): Uint8Array;
  /** After a HelloRetryRequest the first ClientHello stands in it as its hash (RFC 8446, section 4.4.1). */
  replaceByHash(name: CipherSuite["hash"]): void;
  /** One that goes on from here on its own. */
  copy(): Transcript;
}

export function transcript(start: readonly Uint8Array[] = []): Transcript {
  let messages = [...start];
  const bytes = (...more: readonly Uint8Array[]) => Buffer.concat([...messages, ...more]);
  const hash: Transcript["hash"] = (name, ...more) =>
    createHash(name)
      .update(bytes(...more))
      .digest();
  return {
    add: (message) => void messages.push(encodeMessage(message)),
    bytes,
    hash,
    replaceByHash: (name) => {
      messages = [encodeMessage({ type: MESSAGE_HASH, body: hash(name) })];
    },
    copy: () => transcript(messages),
  };
}
