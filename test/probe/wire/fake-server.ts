import { createHash, type KeyObject } from "node:crypto";
import { cipherSuites, type CipherSuite } from "../../../src/probe/wire/cipher-suites.ts";
import { wireClient, type WireClient } from "../../../src/probe/wire/client.ts";
import { listOf, parse, uint, vector } from "../../../src/probe/wire/codec.ts";
import {
  encodeCodes,
  encodeExtensions,
  ExtensionType,
  type Extensions,
  parseExtensions,
} from "../../../src/probe/wire/extensions.ts";
import { groupOf, groups, keyShare } from "../../../src/probe/wire/groups.ts";
import {
  encodeCertificates,
  encodeCertificateVerify,
  encodeMessage,
  type HandshakeMessage,
  HandshakeType,
  messageSplitter,
  signedContent,
} from "../../../src/probe/wire/handshake.ts";
import { nextTrafficSecret, trafficKeys } from "../../../src/probe/wire/key-schedule.ts";
import {
  type Opener,
  opener13,
  openPlain,
  plainSealer,
  type Sealer,
  sealer13,
} from "../../../src/probe/wire/protection.ts";
import { ContentType, recordSplitter, type TlsRecord } from "../../../src/probe/wire/records.ts";
import {
  deriveSecret,
  earlySecret,
  finishedMac,
  handshakeSecret,
  masterSecret13,
} from "../../../src/probe/wire/secrets13.ts";
import type { Settings } from "../../../src/probe/wire/settings.ts";
import { sign } from "../../../src/probe/wire/signatures.ts";
import { transcript } from "../../../src/probe/wire/transcript.ts";

/** What a server reads in a ClientHello. */
export interface ReadHello {
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly suites: readonly number[];
  readonly extensions: Extensions;
}

export function readHello(body: Uint8Array): ReadHello {
  return parse(body, (from) => {
    from.uint(2);
    const random = from.take(32);
    const sessionId = from.vector(1);
    const suites = listOf(from.vector(2), (item) => item.uint(2));
    from.vector(1);
    return { random, sessionId, suites, extensions: parseExtensions(from.vector(2)) };
  });
}

/** The key shares of a ClientHello by group. */
export function sharesOf(hello: ReadHello): Map<number, Uint8Array> {
  const list = parse(hello.extensions.get(ExtensionType.keyShare) ?? vector(2), (from) => from.vector(2));
  return new Map(listOf(list, (item) => [item.uint(2), item.vector(2)] as const));
}

export interface ServerHelloParts {
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly suite: number;
  readonly extensions: ReadonlyMap<number, Uint8Array>;
}

export function serverHello({ random, sessionId, suite, extensions }: ServerHelloParts): HandshakeMessage {
  const body = Buffer.concat([
    uint(0x0303, 2),
    random,
    vector(1, sessionId),
    uint(suite, 2),
    uint(0, 1),
    encodeExtensions(extensions),
  ]);
  return { type: HandshakeType.serverHello, body };
}

export const retryRandom = createHash("sha256").update("HelloRetryRequest").digest();

/** How a server differs from a right one. */
export interface Tamper {
  readonly hello?: (right: ServerHelloParts) => ServerHelloParts;
  readonly encryptedExtensions?: ReadonlyMap<number, Uint8Array>;
  /** The messages from CertificateRequest to CertificateVerify. */
  readonly certificate?: (
    right: HandshakeMessage[],
    resign: (scheme: number, key: KeyObject, context?: "client") => HandshakeMessage,
  ) => HandshakeMessage[];
  readonly finished?: (right: Uint8Array) => Uint8Array;
  /** Behind Finished, in its record. */
  readonly behind?: readonly HandshakeMessage[];
  /** The bytes of the whole flight, before they are sent. */
  readonly bytes?: (right: Uint8Array) => Uint8Array;
}

export interface ServerKey {
  readonly chain: readonly Uint8Array[];
  readonly key: KeyObject;
}

/** A connection in memory to a TLS 1.3 server that does as it is told. */
export interface Fake13 {
  readonly client: WireClient;
  /** Application data that the client got. */
  received(): string;
  /** What the client sent after its first flight, opened: handshake messages by type, data as text. */
  readonly sent: (number | string)[];
  /** How often the client wrote. */
  writes(): number;
  /** One record under the server's keys. */
  send(type: number, bytes: Uint8Array): void;
  /** Bytes as they are. */
  raw(bytes: Uint8Array): void;
  /** The server's next keys for what it sends, after its KeyUpdate. */
  updateKeys(): void;
}

export const schemesOffered = [0x0403, 0x0804, 0x0807];

/** Runs the client against a server with a P-256 or other key. */
export function fake13(settings: Settings, server: ServerKey, tamper: Tamper = {}): Fake13 {
  const fromClient = recordSplitter();
  const messages = messageSplitter();
  const log = transcript();
  const sent: (number | string)[] = [];
  let text = "";
  let open: Opener = openPlain;
  let seal: Sealer = plainSealer();
  let secret: Uint8Array = new Uint8Array();
  let nextOpen: (() => void) | undefined;
  const suite = cipherSuites.get(0x1301) as CipherSuite;
  let writes = 0;
  const client = wireClient(settings, {
    send(bytes) {
      writes += 1;
      for (const record of fromClient.push(bytes)) {
        if (record.type === ContentType.changeCipherSpec) continue;
        const content = opened(record);
        if (content.type === ContentType.applicationData) sent.push(Buffer.from(content.bytes).toString());
        else if (content.type === ContentType.alert) sent.push(`alert ${content.bytes[1]}`);
        else for (const message of messages.push(content.bytes)) onMessage(message);
      }
    },
    deliver: (bytes) => (text += Buffer.from(bytes).toString()),
  });

  /** What the client sealed with other keys, after a changed ServerHello, stays unread. */
  function opened(record: TlsRecord) {
    if (record.type !== ContentType.applicationData) return openPlain(record);
    try {
      return open(record);
    } catch {
      return { type: ContentType.applicationData, bytes: Buffer.from("unreadable") };
    }
  }

  function onMessage(message: HandshakeMessage) {
    if (message.type !== HandshakeType.clientHello) {
      // the first Finished ends the handshake; later ones answer requests
      const first = !sent.includes(HandshakeType.finished);
      sent.push(message.type);
      if (message.type === HandshakeType.finished && first) nextOpen?.();
      if (message.type === HandshakeType.keyUpdate) nextOpen?.();
      return;
    }
    log.add(message);
    client.receive(answer(readHello(message.body)));
  }

  function answer(hello: ReadHello): Uint8Array {
    const [group = 0, publicKey = new Uint8Array()] = [...sharesOf(hello)][0] ?? [];
    const share = keyShare(groupOf(group) ?? "x25519", settings.random);
    const extensions = new Map([
      [ExtensionType.supportedVersions as number, uint(0x0304, 2)],
      [ExtensionType.keyShare, Buffer.concat([uint(groups[share.group], 2), vector(2, share.publicKey)])],
    ]);
    const right = { random: settings.random(32), sessionId: hello.sessionId, suite: 0x1301, extensions };
    const parts = tamper.hello?.(right) ?? right;
    const reply = serverHello(parts);
    const plain = seal({ type: ContentType.handshake, bytes: encodeMessage(reply) });
    if (Buffer.from(parts.random).equals(retryRandom)) {
      log.replaceByHash("sha256");
      log.add(reply);
      return plain;
    }
    log.add(reply);
    const shared = group === 0 ? new Uint8Array(32) : share.agree(publicKey);
    const handshake = handshakeSecret("sha256", earlySecret("sha256"), shared);
    const ours = deriveSecret("sha256", handshake, "s hs traffic", log.hash("sha256"));
    const theirs = deriveSecret("sha256", handshake, "c hs traffic", log.hash("sha256"));
    open = opener13(suite, trafficKeys(suite, theirs));
    const flight = Buffer.concat([...serverFlight(ours), ...(tamper.behind ?? [])].map(encodeMessage));
    const sealed = sealer13(suite, trafficKeys(suite, ours))({ type: ContentType.handshake, bytes: flight });
    const master = masterSecret13("sha256", handshake);
    secret = deriveSecret("sha256", master, "s ap traffic", log.hash("sha256"));
    seal = sealer13(suite, trafficKeys(suite, secret));
    let clientSecret = deriveSecret("sha256", master, "c ap traffic", log.hash("sha256"));
    nextOpen = () => {
      open = opener13(suite, trafficKeys(suite, clientSecret));
      clientSecret = nextTrafficSecret(suite, clientSecret);
    };
    const bytes = Buffer.concat([plain, sealed]);
    return tamper.bytes?.(bytes) ?? bytes;
  }

  function serverFlight(base: Uint8Array): HandshakeMessage[] {
    const done: HandshakeMessage[] = [];
    const put = (message: HandshakeMessage) => {
      log.add(message);
      done.push(message);
    };
    const body = encodeExtensions(tamper.encryptedExtensions ?? new Map());
    put({ type: HandshakeType.encryptedExtensions, body });
    const request = new Map([[ExtensionType.signatureAlgorithms as number, encodeCodes(schemesOffered)]]);
    const before = [
      { type: HandshakeType.certificateRequest, body: Buffer.concat([vector(1), encodeExtensions(request)]) },
      { type: HandshakeType.certificate, body: encodeCertificates(server.chain, "1.3", new Uint8Array()) },
    ];
    const resign = (scheme: number, key: KeyObject, context: "client" | "server" = "server") => {
      const content = signedContent(context, log.hash("sha256", ...before.map(encodeMessage)));
      const signature = sign(scheme, key, content);
      return { type: HandshakeType.certificateVerify, body: encodeCertificateVerify({ scheme, signature }) };
    };
    const right = [...before, resign(0x0403, server.key)];
    for (const message of tamper.certificate?.(right, resign) ?? right) put(message);
    const mac = finishedMac("sha256", base, log.hash("sha256"));
    put({ type: HandshakeType.finished, body: tamper.finished?.(mac) ?? mac });
    return done;
  }

  client.start();
  return {
    client,
    received: () => text,
    writes: () => writes,
    sent,
    send: (type, bytes) => client.receive(seal({ type, bytes })),
    raw: (bytes) => client.receive(bytes),
    updateKeys() {
      secret = nextTrafficSecret(suite, secret);
      seal = sealer13(suite, trafficKeys(suite, secret));
    },
  };
}
