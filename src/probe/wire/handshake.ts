import { DECODE_ERROR, ILLEGAL_PARAMETER, PROTOCOL_VERSION } from "./alerts.ts";
import { byteQueue } from "./byte-queue.ts";
import { DecodeError, listOf, parse, reader, uint, vector } from "./codec.ts";
import { ExtensionType, type Extensions, parseExtensions } from "./extensions.ts";
import { type TlsVersion, versionOf } from "./versions.ts";

/** RFC 8446, section 4; the TLS 1.2 ones are in RFC 5246, section 7.4. */
export const HandshakeType = {
  helloRequest: 0,
  clientHello: 1,
  serverHello: 2,
  newSessionTicket: 4,
  endOfEarlyData: 5,
  encryptedExtensions: 8,
  certificate: 11,
  serverKeyExchange: 12,
  certificateRequest: 13,
  serverHelloDone: 14,
  certificateVerify: 15,
  clientKeyExchange: 16,
  finished: 20,
  keyUpdate: 24,
} as const;

/** Stands for a ClientHello that was retried; never on the wire (RFC 8446, section 4.4.1). */
export const MESSAGE_HASH = 254;

/** Bytes of one message: more than any server needs, and little enough to keep for many connections. */
export const MAX_MESSAGE = 1 << 16;

export interface HandshakeMessage {
  readonly type: number;
  readonly body: Uint8Array;
}

export interface MessageSplitter {
  /** Bytes of a message that is not complete. */
  readonly pending: number;
  /** @throws DecodeError for a message that is longer than the limit, before it is there */
  push(bytes: Uint8Array): HandshakeMessage[];
}

const HEADER = 4;

/** Joins handshake messages out of record fragments; holds at most one unfinished message. */
export function messageSplitter(limit = MAX_MESSAGE): MessageSplitter {
  const pending = byteQueue();
  const next = (): HandshakeMessage | undefined => {
    const header = pending.peek(HEADER);
    if (header === undefined) return undefined;
    const type = header[0] ?? 0;
    const length = (header[1] ?? 0) * 65_536 + (header[2] ?? 0) * 256 + (header[3] ?? 0);
    if (length > limit) throw new DecodeError("handshake message too long");
    const whole = pending.take(HEADER + length);
    return whole && { type, body: whole.subarray(HEADER) };
  };
  return {
    get pending() {
      return pending.length;
    },
    push(bytes) {
      pending.push(bytes);
      const messages: HandshakeMessage[] = [];
      for (let message = next(); message !== undefined; message = next()) messages.push(message);
      return messages;
    },
  };
}

export function encodeMessage({ type, body }: HandshakeMessage): Uint8Array {
  return Buffer.concat([uint(type, 1), vector(3, body)]);
}

export interface ServerHello {
  readonly version: TlsVersion;
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly cipherSuite: number;
  readonly extensions: Extensions;
  /** A HelloRetryRequest has the form of a ServerHello (RFC 8446, section 4.1.4). */
  readonly retry: boolean;
}

/** SHA-256 of "HelloRetryRequest". */
const RETRY_RANDOM = Buffer.from("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c", "hex");

/** RFC 8446, section 4.1.3; RFC 5246, section 7.4.1.3. @throws DecodeError */
export function parseServerHello(body: Uint8Array): ServerHello {
  return parse(body, (from) => {
    const legacy = from.uint(2);
    const random = from.take(32);
    const sessionId = from.vector(1);
    if (sessionId.length > 32) throw new DecodeError("session id too long");
    const cipherSuite = from.uint(2);
    if (from.uint(1) !== 0) throw new DecodeError("compression", ILLEGAL_PARAMETER);
    const extensions = from.remaining === 0 ? new Map() : parseExtensions(from.vector(2));
    const version = chosenVersion(legacy, extensions);
    return { version, random, sessionId, cipherSuite, extensions, retry: RETRY_RANDOM.equals(random) };
  });
}

function chosenVersion(legacy: number, extensions: Extensions): TlsVersion {
  const chosen = extensions.get(ExtensionType.supportedVersions);
  const version = versionOf(chosen === undefined ? legacy : parse(chosen, (from) => from.uint(2)));
  if (version === undefined) throw new DecodeError("unknown version", PROTOCOL_VERSION);
  // the extension is for TLS 1.3 alone, and TLS 1.3 for it (RFC 8446, section 4.2.1)
  if ((version === "1.3") !== (chosen !== undefined) || (version === "1.3" && legacy !== 0x0303)) {
    throw new DecodeError("contradictory versions", ILLEGAL_PARAMETER);
  }
  return version;
}

/** The client's random, which names its secrets in a key log. @throws DecodeError */
export function clientRandom(body: Uint8Array): Uint8Array {
  const from = reader(body);
  from.uint(2);
  return from.take(32);
}

export interface CertificateRequest {
  /** certificate_request_context, to be echoed; empty in the handshake itself (RFC 8446, section 4.3.2). */
  readonly context: Uint8Array;
  /** SignatureScheme code points that the client may sign with. */
  readonly schemes: readonly number[];
  /** ClientCertificateType of TLS 1.2 (RFC 5246, section 7.4.4); undefined in TLS 1.3. */
  readonly certificateTypes: readonly number[] | undefined;
  /** Distinguished names, DER; empty where the server names none. */
  readonly authorities: readonly Uint8Array[];
}

/** @throws DecodeError */
export function parseCertificateRequest(body: Uint8Array, version: TlsVersion): CertificateRequest {
  return parse(body, (from) => {
    if (version === "1.3") {
      const context = from.vector(1);
      const offered = parseExtensions(from.vector(2));
      const schemes = offered.get(ExtensionType.signatureAlgorithms);
      const authorities = offered.get(ExtensionType.certificateAuthorities);
      return {
        context,
        schemes: schemes === undefined ? [] : parse(schemes, (list) => codesOf(list.vector(2))),
        certificateTypes: undefined,
        authorities: authorities === undefined ? [] : parse(authorities, (list) => namesOf(list.vector(2))),
      };
    }
    const certificateTypes = [...from.vector(1)];
    // before TLS 1.2 the certificate types say it all (RFC 4346, section 7.4.4)
    const schemes = version === "1.2" ? codesOf(from.vector(2)) : [];
    return { context: new Uint8Array(), certificateTypes, schemes, authorities: namesOf(from.vector(2)) };
  });
}

const codesOf = (bytes: Uint8Array) => listOf(bytes, (item) => item.uint(2));
const namesOf = (bytes: Uint8Array) => listOf(bytes, (item) => item.vector(2));

/** The certificates (DER) of a Certificate message, leaf first. @throws DecodeError */
export function parseCertificates(body: Uint8Array, version: TlsVersion): Uint8Array[] {
  return parse(body, (from) => {
    if (version === "1.3") from.vector(1);
    return listOf(from.vector(3), (item) => {
      const certificate = item.vector(3, 1);
      if (version === "1.3") parseExtensions(item.vector(2));
      return certificate;
    });
  });
}

/**
 * Certificate (RFC 8446, section 4.4.2; RFC 5246, section 7.4.2).
 * @param chain DER, leaf first; none for a client that has no certificate
 * @param context certificate_request_context, in TLS 1.3 alone
 */
export function encodeCertificates(
  chain: readonly Uint8Array[],
  version: TlsVersion,
  context: Uint8Array,
): Uint8Array {
  if (version !== "1.3") return vector(3, ...chain.map((der) => vector(3, der)));
  const entries = chain.flatMap((der) => [vector(3, der), vector(2)]);
  return Buffer.concat([vector(1, context), vector(3, ...entries)]);
}

export interface CertificateVerify {
  readonly scheme: number;
  readonly signature: Uint8Array;
}

/** CertificateVerify, and the end of ServerKeyExchange (RFC 8446, section 4.4.3; RFC 5246, section 4.7). */
export function parseCertificateVerify(body: Uint8Array): CertificateVerify {
  return parse(body, (from) => ({ scheme: from.uint(2), signature: from.vector(2) }));
}

export function encodeCertificateVerify({ scheme, signature }: CertificateVerify): Uint8Array {
  return Buffer.concat([uint(scheme, 2), vector(2, signature)]);
}

/** What CertificateVerify of TLS 1.3 signs (RFC 8446, section 4.4.3). */
export function signedContent(side: "client" | "server", transcriptHash: Uint8Array): Uint8Array {
  const context = `${" ".repeat(64)}TLS 1.3, ${side} CertificateVerify\0`;
  return Buffer.concat([Buffer.from(context), transcriptHash]);
}

/** Whether a KeyUpdate wants one in return (RFC 8446, section 4.6.3). @throws DecodeError */
export function parseKeyUpdate(body: Uint8Array): boolean {
  const requested = parse(body, (from) => from.uint(1));
  if (requested > 1) throw new DecodeError("key update", ILLEGAL_PARAMETER);
  return requested === 1;
}

/** A body that must be empty. @throws DecodeError */
export function parseEmpty(body: Uint8Array): void {
  if (body.length > 0) throw new DecodeError("a message with content", DECODE_ERROR);
}
