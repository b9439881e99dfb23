import { DecodeError, listOf, reader } from "./codec.ts";
import { type TlsVersion, versionOf } from "./versions.ts";

/** RFC 8446, section 4; the TLS 1.2 ones are in RFC 5246, section 7.4. */
export const HandshakeType = {
  helloRequest: 0,
  clientHello: 1,
  serverHello: 2,
  newSessionTicket: 4,
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

const EXTENSION_SIGNATURE_ALGORITHMS = 13;
const EXTENSION_SUPPORTED_VERSIONS = 43;
const EXTENSION_CERTIFICATE_AUTHORITIES = 47;

/** More than any server needs to send, and little enough to keep for each of many connections. */
const MAX_MESSAGE = 1 << 17;

export interface HandshakeMessage {
  readonly type: number;
  readonly body: Uint8Array;
}

export interface MessageSplitter {
  push(bytes: Uint8Array): HandshakeMessage[];
}

/** Joins handshake messages out of record fragments; holds at most one unfinished message. */
export function messageSplitter(): MessageSplitter {
  let pending: Buffer = Buffer.alloc(0);
  return {
    push(bytes) {
      pending = Buffer.concat([pending, bytes]);
      const messages: HandshakeMessage[] = [];
      while (pending.length >= 4) {
        const length = pending.readUIntBE(1, 3);
        if (length > MAX_MESSAGE) throw new DecodeError("handshake message too long");
        if (pending.length < 4 + length) break;
        messages.push({ type: pending[0] ?? 0, body: pending.subarray(4, 4 + length) });
        pending = pending.subarray(4 + length);
      }
      return messages;
    },
  };
}

export interface ServerHello {
  readonly version: TlsVersion;
  readonly random: Uint8Array;
  readonly cipherSuite: number;
  /** A HelloRetryRequest has the form of a ServerHello (RFC 8446, section 4.1.4). */
  readonly retry: boolean;
}

/** SHA-256 of "HelloRetryRequest". */
const RETRY_RANDOM = Buffer.from("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c", "hex");

/** @throws DecodeError */
export function parseServerHello(body: Uint8Array): ServerHello {
  const from = reader(body);
  const legacy = from.uint(2);
  const random = from.take(32);
  from.vector(1);
  const cipherSuite = from.uint(2);
  from.uint(1);
  const chosen =
    from.remaining === 0 ? undefined : extensions(from.vector(2)).get(EXTENSION_SUPPORTED_VERSIONS);
  from.end();
  const version = versionOf(chosen === undefined ? legacy : reader(chosen).uint(2));
  if (version === undefined) throw new DecodeError("unknown version");
  return { version, random, cipherSuite, retry: RETRY_RANDOM.equals(random) };
}

/** The client's random, which names its secrets in a key log. @throws DecodeError */
export function clientRandom(body: Uint8Array): Uint8Array {
  const from = reader(body);
  from.uint(2);
  return from.take(32);
}

export interface CertificateRequest {
  /** SignatureScheme code points that the client may sign with. */
  readonly schemes: readonly number[];
  /** ClientCertificateType of TLS 1.2 (RFC 5246, section 7.4.4); undefined in TLS 1.3. */
  readonly certificateTypes: readonly number[] | undefined;
  /** Distinguished names, DER; empty where the server names none. */
  readonly authorities: readonly Uint8Array[];
}

/** @throws DecodeError */
export function parseCertificateRequest(body: Uint8Array, version: TlsVersion): CertificateRequest {
  const from = reader(body);
  if (version === "1.3") {
    from.vector(1);
    const offered = extensions(from.vector(2));
    from.end();
    const schemes = offered.get(EXTENSION_SIGNATURE_ALGORITHMS);
    const authorities = offered.get(EXTENSION_CERTIFICATE_AUTHORITIES);
    return {
      schemes: schemes === undefined ? [] : listOf(reader(schemes).vector(2), (item) => item.uint(2)),
      certificateTypes: undefined,
      authorities:
        authorities === undefined ? [] : listOf(reader(authorities).vector(2), (item) => item.vector(2)),
    };
  }
  const certificateTypes = [...from.vector(1)];
  // before TLS 1.2 the certificate types say it all (RFC 4346, section 7.4.4)
  const schemes = version === "1.2" ? listOf(from.vector(2), (item) => item.uint(2)) : [];
  const authorities = listOf(from.vector(2), (item) => item.vector(2));
  from.end();
  return { schemes, certificateTypes, authorities };
}

/** The certificates (DER) of a Certificate message, leaf first. @throws DecodeError */
export function parseCertificates(body: Uint8Array, version: TlsVersion): Uint8Array[] {
  const from = reader(body);
  if (version === "1.3") from.vector(1);
  const list = from.vector(3);
  from.end();
  return listOf(list, (item) => {
    const certificate = item.vector(3);
    if (version === "1.3") item.vector(2);
    return certificate;
  });
}

function extensions(bytes: Uint8Array): Map<number, Uint8Array> {
  return new Map(listOf(bytes, (item) => [item.uint(2), item.vector(2)] as const));
}
