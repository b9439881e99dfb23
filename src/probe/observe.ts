import { CLOSE_NOTIFY, USER_CANCELED } from "./wire/alerts.ts";
import { type CipherSuite, cipherSuites } from "./wire/cipher-suites.ts";
import { DecodeError } from "./wire/codec.ts";
import {
  type CertificateRequest,
  clientRandom,
  type HandshakeMessage,
  HandshakeType,
  type MessageSplitter,
  messageSplitter,
  parseCertificateRequest,
  parseCertificates,
  parseServerHello,
  type ServerHello,
} from "./wire/handshake.ts";
import { type KeyLog, keyLog } from "./wire/key-log.ts";
import { keyBlock, nextTrafficSecret, trafficKeys } from "./wire/key-schedule.ts";
import { type Content, type Opener, opener12, opener13, openerAfter, openPlain } from "./wire/protection.ts";
import { ContentType, type RecordSplitter, recordSplitter, type TlsRecord } from "./wire/records.ts";
import type { TlsVersion } from "./wire/versions.ts";

export type Side = "client" | "server";

/** Bytes as they went over the wire, in order. */
export interface Chunk {
  readonly from: Side;
  readonly bytes: Uint8Array;
}

export interface Alert {
  readonly from: Side;
  /** Ends the connection, and not as a mere goodbye. */
  readonly fatal: boolean;
  /** Undefined where it is encrypted with keys that are not known. */
  readonly description: number | undefined;
}

/**
 * What the two sides of a connection really said. A TLS library tells its user that a handshake
 * succeeded or failed; whether a certificate was asked for, which one was sent, and which alert
 * came back can only be read here.
 */
export interface Observation {
  /** As the last ServerHello chose them. */
  readonly version: TlsVersion | undefined;
  readonly cipherSuite: number | undefined;
  /** The last CertificateRequest; undefined where the server asked for no certificate. */
  readonly request: CertificateRequest | undefined;
  /** DER, leaf first. */
  readonly serverCertificates: readonly Uint8Array[];
  /** The client's last Certificate message, DER: `[]` is an empty one, undefined is none at all. */
  readonly clientCertificates: readonly Uint8Array[] | undefined;
  /** Whether the client proved possession of its key with CertificateVerify. */
  readonly clientVerified: boolean;
  readonly clientFinished: boolean;
  readonly serverFinished: boolean;
  /** Session tickets after the handshake (TLS 1.3). */
  readonly tickets: number;
  readonly alerts: readonly Alert[];
  /** Application bytes that the server sent before the client's Finished. */
  readonly earlyBytes: number;
  /** Why the rest could not be read, where it could not. */
  readonly fault: string | undefined;
}

const FATAL = 2;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface Direction {
  readonly records: RecordSplitter;
  messages: MessageSplitter;
  /** Undefined where the records are protected with keys that are not known. */
  open: Opener | undefined;
  /** Of the keys in use alone. */
  current: Opener;
  /** The current traffic secret of TLS 1.3. */
  secret: Uint8Array | undefined;
  /** What it sends is no TLS, or no longer. */
  lost: boolean;
}

interface Decoder {
  readonly seen: Mutable<Observation> & { alerts: Alert[] };
  readonly secrets: KeyLog;
  readonly directions: Readonly<Record<Side, Direction>>;
  clientRandom: Uint8Array;
  hello: ServerHello | undefined;
  /** 0-RTT data that came before the ServerHello, which tells the suite that it is protected with. */
  early: TlsRecord[];
}

/** Reads a connection's transcript with the secrets that its client logged. Never throws. */
export function observe(transcript: readonly Chunk[], secrets: KeyLog = keyLog()): Observation {
  const decoder = newDecoder(secrets);
  for (const { from, bytes } of transcript) {
    const direction = decoder.directions[from];
    if (direction.lost) continue;
    try {
      for (const record of direction.records.push(bytes)) onRecord(decoder, from, record);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      direction.lost = true;
      decoder.seen.fault ??= `${from}: ${error.message}`;
    }
  }
  return decoder.seen;
}

function newDecoder(secrets: KeyLog): Decoder {
  const direction = (): Direction => ({
    records: recordSplitter(),
    messages: messageSplitter(),
    open: openPlain,
    current: openPlain,
    secret: undefined,
    lost: false,
  });
  return {
    secrets,
    directions: { client: direction(), server: direction() },
    clientRandom: new Uint8Array(),
    hello: undefined,
    early: [],
    seen: {
      version: undefined,
      cipherSuite: undefined,
      request: undefined,
      serverCertificates: [],
      clientCertificates: undefined,
      clientVerified: false,
      clientFinished: false,
      serverFinished: false,
      tickets: 0,
      alerts: [],
      earlyBytes: 0,
      fault: undefined,
    },
  };
}

function onRecord(decoder: Decoder, from: Side, record: TlsRecord): void {
  const direction = decoder.directions[from];
  if (record.type === ContentType.changeCipherSpec) {
    // in TLS 1.3 it is sent for middleboxes only (RFC 8446, appendix D.4)
    if (decoder.seen.version !== "1.3") changeCipher(decoder, from);
    return;
  }
  if (from === "client" && decoder.hello === undefined && record.type === ContentType.applicationData) {
    decoder.early.push(record);
    return;
  }
  const unprotected = decoder.seen.version === "1.3" && record.type !== ContentType.applicationData;
  const open = unprotected ? openPlain : direction.open;
  if (open === undefined) onSealed(decoder, from, record.type);
  else onContent(decoder, from, open(record));
}

function onContent(decoder: Decoder, from: Side, { type, bytes }: Content): void {
  const { seen, directions } = decoder;
  if (type === ContentType.alert) {
    seen.alerts.push({ from, description: bytes[1], fatal: isFatal(bytes, seen.version) });
  } else if (type === ContentType.handshake) {
    for (const message of directions[from].messages.push(bytes)) onMessage(decoder, from, message);
  } else if (type === ContentType.applicationData && from === "server" && !seen.clientFinished) {
    seen.earlyBytes += bytes.length;
  }
}

/** TLS 1.3 knows two alerts that are no errors and does without levels (RFC 8446, section 6). */
function isFatal([level, description]: Uint8Array, version: TlsVersion | undefined): boolean {
  if (version === "1.3") return description !== CLOSE_NOTIFY && description !== USER_CANCELED;
  return level === FATAL;
}

/** A record that cannot be opened still shows its type before TLS 1.3. */
function onSealed({ seen }: Decoder, from: Side, type: number): void {
  if (type === ContentType.alert) seen.alerts.push({ from, description: undefined, fatal: false });
  if (type === ContentType.handshake) setFinished(seen, from);
}

function onMessage(decoder: Decoder, from: Side, { type, body }: HandshakeMessage): void {
  const { seen } = decoder;
  const version = seen.version ?? "1.2";
  switch (type) {
    case HandshakeType.clientHello:
      decoder.clientRandom = clientRandom(body);
      break;
    case HandshakeType.serverHello:
      onServerHello(decoder, parseServerHello(body));
      break;
    case HandshakeType.certificateRequest:
      seen.request = parseCertificateRequest(body, version);
      break;
    case HandshakeType.certificate:
      if (from === "server") seen.serverCertificates = parseCertificates(body, version);
      else seen.clientCertificates = parseCertificates(body, version);
      break;
    case HandshakeType.certificateVerify:
      if (from === "client") seen.clientVerified = true;
      break;
    case HandshakeType.finished:
      setFinished(seen, from);
      if (version === "1.3") useSecret(decoder, from, `${from.toUpperCase()}_TRAFFIC_SECRET_0`);
      break;
    case HandshakeType.newSessionTicket:
      if (version === "1.3") seen.tickets += 1;
      break;
    case HandshakeType.keyUpdate:
      updateKeys(decoder, from);
      break;
  }
}

function setFinished(seen: Mutable<Observation>, side: Side): void {
  if (side === "client") seen.clientFinished = true;
  else seen.serverFinished = true;
}

function onServerHello(decoder: Decoder, hello: ServerHello): void {
  decoder.hello = hello;
  decoder.seen.version = hello.version;
  decoder.seen.cipherSuite = hello.cipherSuite;
  if (hello.version !== "1.3" || hello.retry) return;
  useSecret(decoder, "server", "SERVER_HANDSHAKE_TRAFFIC_SECRET");
  useSecret(decoder, "client", "CLIENT_HANDSHAKE_TRAFFIC_SECRET");
  startWithEarlyData(decoder);
}

/**
 * 0-RTT data, as far as the server takes it, goes on under its own keys until EndOfEarlyData (RFC
 * 8446, section 4.5). A record that they do not open is under the handshake's.
 */
function startWithEarlyData(decoder: Decoder): void {
  const suite = suiteOf(decoder);
  const { client } = decoder.directions;
  const secret = decoder.secrets.secret("CLIENT_EARLY_TRAFFIC_SECRET", decoder.clientRandom);
  const { open: later } = client;
  if (suite === undefined || secret === undefined || later === undefined) return;
  const opener = opener13(suite, trafficKeys(suite, secret));
  const early = (record: TlsRecord) => {
    try {
      return opener(record);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return undefined;
    }
  };
  // their content is ours: only their number counts
  for (const record of decoder.early) early(record);
  client.open = (record) => {
    const content = early(record);
    if (content !== undefined) return content;
    client.open = later;
    return later(record);
  };
}

function suiteOf({ hello }: Decoder): CipherSuite | undefined {
  return hello === undefined ? undefined : cipherSuites.get(hello.cipherSuite);
}

/** TLS 1.3: the direction goes on under the secret of that name. */
function useSecret(decoder: Decoder, side: Side, label: string): void {
  setSecret(decoder, side, decoder.secrets.secret(label, decoder.clientRandom));
}

function updateKeys(decoder: Decoder, side: Side): void {
  const { secret } = decoder.directions[side];
  const suite = suiteOf(decoder);
  setSecret(decoder, side, secret && suite && nextTrafficSecret(suite, secret));
}

function setSecret(decoder: Decoder, side: Side, secret: Uint8Array | undefined): void {
  const suite = suiteOf(decoder);
  const direction = decoder.directions[side];
  direction.secret = secret;
  direction.messages = messageSplitter();
  const next = suite && secret && opener13(suite, trafficKeys(suite, secret));
  direction.open = next && openerAfter(direction.current, next);
  direction.current = next ?? openPlain;
}

/** TLS 1.2 and before: the direction goes on under the keys of the handshake in progress. */
function changeCipher(decoder: Decoder, from: Side): void {
  const { hello, directions } = decoder;
  const suite = hello?.version === "1.2" ? suiteOf(decoder) : undefined;
  const master = decoder.secrets.secret("CLIENT_RANDOM", decoder.clientRandom);
  directions[from].messages = messageSplitter();
  directions[from].open =
    hello &&
    suite &&
    master &&
    opener12(suite, keyBlock(suite, master, decoder.clientRandom, hello.random)[from]);
}
