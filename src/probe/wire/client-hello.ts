import { uint, vector } from "./codec.ts";
import { encodeExtensions, type Extensions } from "./extensions.ts";

/** ClientHello (RFC 8446, section 4.1.2; RFC 5246, section 7.4.1.2). */
export interface ClientHello {
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly cipherSuites: readonly number[];
  readonly extensions: Extensions;
}

/** The body of the message; its legacy_version is that of TLS 1.2, and there is no compression. */
export function encodeClientHello({ random, sessionId, cipherSuites, extensions }: ClientHello): Uint8Array {
  return Buffer.concat([
    uint(0x0303, 2),
    random,
    vector(1, sessionId),
    vector(2, ...cipherSuites.map((suite) => uint(suite, 2))),
    vector(1, uint(0, 1)),
    encodeExtensions(extensions),
  ]);
}
