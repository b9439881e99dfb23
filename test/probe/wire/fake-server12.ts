import type { KeyObject } from "node:crypto";
import { cipherSuites, type CipherSuite } from "../../../src/probe/wire/cipher-suites.ts";
import { wireClient, type WireClient } from "../../../src/probe/wire/client.ts";
import { parse, uint, vector } from "../../../src/probe/wire/codec.ts";
import { encodeRenegotiationInfo, ExtensionType } from "../../../src/probe/wire/extensions.ts";
import { groups, keyShare } from "../../../src/probe/wire/groups.ts";
import {
  encodeCertificates,
  encodeCertificateVerify,
  encodeMessage,
  type HandshakeMessage,
  HandshakeType,
  messageSplitter,
} from "../../../src/probe/wire/handshake.ts";
import { keyBlock } from "../../../src/probe/wire/key-schedule.ts";
import {
  type Opener,
  opener12,
  openPlain,
  plainSealer,
  type Sealer,
  sealer12,
} from "../../../src/probe/wire/protection.ts";
import { ContentType, recordSplitter } from "../../../src/probe/wire/records.ts";
import { extendedMasterSecret, finishedData, masterSecret12 } from "../../../src/probe/wire/secrets12.ts";
import type { Settings } from "../../../src/probe/wire/settings.ts";
import { sign } from "../../../src/probe/wire/signatures.ts";
import { transcript } from "../../../src/probe/wire/transcript.ts";
import {
  readHello,
  type ReadHello,
  serverHello,
  type ServerHelloParts,
  type ServerKey,
} from "./fake-server.ts";

/** How a TLS 1.2 server differs from a right one. */
export interface Tamper12 {
  readonly hello?: (right: ServerHelloParts) => ServerHelloParts;
  /** The messages between ServerHello and ServerHelloDone. */
  readonly messages?: (
    right: HandshakeMessage[],
    exchange: (scheme: number, key: KeyObject, group?: number) => HandshakeMessage,
  ) => HandshakeMessage[];
  /** Before the server's ChangeCipherSpec; null leaves that out. */
  readonly beforeKeys?: readonly HandshakeMessage[] | null;
  readonly finished?: (right: Uint8Array) => Uint8Array;
}

export interface Fake12 {
  readonly client: WireClient;
  received(): string;
  /** As in the other fake; `ccs` for change_cipher_spec. */
  readonly sent: (number | string)[];
  send(type: number, bytes: Uint8Array): void;
  raw(bytes: Uint8Array): void;
}

const SUITE = 0xc02b;

/** Runs the client against a TLS 1.2 server with a P-256 key that also renegotiates. */
export function fake12(settings: Settings, server: ServerKey, tamper: Tamper12 = {}): Fake12 {
  const suite = cipherSuites.get(SUITE) as CipherSuite;
  const fromClient = recordSplitter();
  const messages = messageSplitter();
  const sent: (number | string)[] = [];
  let log = transcript();
  let text = "";
  let open: Opener = openPlain;
  let seal: Sealer = plainSealer();
  let hello: ReadHello | undefined;
  let serverRandom: Uint8Array = new Uint8Array();
  let share = keyShare("x25519", settings.random);
  let master: Uint8Array = new Uint8Array();
  let verified: readonly Uint8Array[] = [];
  const client = wireClient(settings, {
    send(bytes) {
      for (const record of fromClient.push(bytes)) {
        const content = open(record);
        if (content.type === ContentType.changeCipherSpec) onChangeCipherSpec();
        else if (content.type === ContentType.applicationData)
          sent.push(Buffer.from(content.bytes).toString());
        else if (content.type === ContentType.alert) sent.push(`alert ${content.bytes[1]}`);
        else for (const message of messages.push(content.bytes)) onMessage(message);
      }
    },
    deliver: (bytes) => (text += Buffer.from(bytes).toString()),
  });
  const handshake = (...list: readonly HandshakeMessage[]) =>
    Buffer.concat(list.map((each) => seal({ type: ContentType.handshake, bytes: encodeMessage(each) })));

  function keys() {
    return keyBlock(suite, master, hello?.random ?? new Uint8Array(), serverRandom);
  }

  function onChangeCipherSpec() {
    sent.push("ccs");
    open = opener12(suite, keys().client);
  }

  function onMessage(message: HandshakeMessage) {
    if (message.type === HandshakeType.clientHello) return onHello(message);
    sent.push(message.type);
    const before = log.hash("sha256");
    log.add(message);
    if (message.type === HandshakeType.clientKeyExchange) {
      const premaster = share.agree(parse(message.body, (from) => from.vector(1)));
      master = settings.extendedMasterSecret
        ? extendedMasterSecret("sha256", premaster, log.hash("sha256"))
        : masterSecret12("sha256", premaster, hello?.random ?? new Uint8Array(), serverRandom);
    }
    if (message.type !== HandshakeType.finished) return;
    if (!Buffer.from(finishedData("sha256", master, "client", before)).equals(message.body))
      sent.push("wrong");
    onFinished(message.body);
  }

  function onHello(message: HandshakeMessage) {
    if (hello !== undefined) sent.push("hello");
    log = transcript();
    log.add(message);
    hello = readHello(message.body);
    serverRandom = settings.random(32);
    share = keyShare("x25519", settings.random);
    const extensions = new Map<number, Uint8Array>([
      [ExtensionType.renegotiationInfo, encodeRenegotiationInfo(Buffer.concat(verified))],
    ]);
    if (settings.extendedMasterSecret) extensions.set(ExtensionType.extendedMasterSecret, new Uint8Array());
    const right = { random: serverRandom, sessionId: new Uint8Array(), suite: SUITE, extensions };
    const request = Buffer.concat([vector(1, uint(64, 1)), vector(2, uint(0x0403, 2)), vector(2)]);
    const middle = [
      { type: HandshakeType.certificate, body: encodeCertificates(server.chain, "1.2", new Uint8Array()) },
      exchange(0x0403, server.key),
      { type: HandshakeType.certificateRequest, body: request },
    ];
    const flight = [
      serverHello(tamper.hello?.(right) ?? right),
      ...(tamper.messages?.(middle, exchange) ?? middle),
      { type: HandshakeType.serverHelloDone, body: new Uint8Array() },
    ];
    for (const each of flight) log.add(each);
    client.receive(handshake(...flight));
  }

  function exchange(scheme: number, key: KeyObject, group: number = groups.x25519): HandshakeMessage {
    const params = Buffer.concat([uint(3, 1), uint(group, 2), vector(1, share.publicKey)]);
    const signed = Buffer.concat([hello?.random ?? new Uint8Array(), serverRandom, params]);
    const signature = sign(scheme, key, signed);
    const body = Buffer.concat([params, encodeCertificateVerify({ scheme, signature })]);
    return { type: HandshakeType.serverKeyExchange, body };
  }

  function onFinished(clientData: Uint8Array) {
    const before = tamper.beforeKeys ?? [];
    const first = handshake(...before);
    for (const each of before) log.add(each);
    const change = seal({ type: ContentType.changeCipherSpec, bytes: Uint8Array.of(1) });
    if (tamper.beforeKeys === null) return;
    seal = sealer12(suite, keys().server);
    const data = finishedData("sha256", master, "server", log.hash("sha256"));
    const body = tamper.finished?.(data) ?? data;
    verified = [clientData, body];
    client.receive(Buffer.concat([first, change, handshake({ type: HandshakeType.finished, body })]));
  }

  client.start();
  return {
    client,
    received: () => text,
    sent,
    send: (type, bytes) => client.receive(seal({ type, bytes })),
    raw: (bytes) => client.receive(bytes),
  };
}
