import { createPrivateKey } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { uint } from "../../../src/probe/wire/codec.ts";
import { encodeAlpn, encodeRenegotiationInfo, ExtensionType } from "../../../src/probe/wire/extensions.ts";
import {
  encodeCertificates,
  encodeMessage,
  type HandshakeMessage,
  HandshakeType,
} from "../../../src/probe/wire/handshake.ts";
import { ContentType, recordHeader } from "../../../src/probe/wire/records.ts";
import {
  certificateVerify,
  emptyCertificate,
  finished,
  keyExchange,
  newKeys,
  ownCertificate,
  type Script,
} from "../../../src/probe/wire/script.ts";
import type { Settings, WireIdentity } from "../../../src/probe/wire/settings.ts";
import { testCa, testLeaf } from "../support/certificates.ts";
import { client, impostors, wireIdentity } from "./drive.ts";
import type { ServerHelloParts, ServerKey } from "./fake-server.ts";
import { type Fake12, fake12, type Tamper12 } from "./fake-server12.ts";
import { bytes } from "./rfc8448.ts";

let server: ServerKey;
let rsa: ServerKey;
let identity: WireIdentity;

beforeAll(async () => {
  const ca = await testCa("hostile test CA");
  const leaf = await testLeaf(ca, { commonName: "server", purpose: "server" });
  const other = await testLeaf(ca, { commonName: "server", purpose: "server", keyType: "rsa2048" });
  server = { chain: [leaf.der], key: createPrivateKey(leaf.keyPem) };
  rsa = { chain: [other.der], key: createPrivateKey(other.keyPem) };
  identity = wireIdentity(await testLeaf(ca, { commonName: "client", purpose: "client" }));
});

const run = (tamper: Tamper12 = {}, script: Script = {}, more: Partial<Settings> = {}) =>
  fake12(client("1.2", { identity, script, ...more }), server, tamper);
const data = (text: string) => [ContentType.applicationData, Buffer.from(text)] as const;
const message = (type: number, body = bytes("")) =>
  [ContentType.handshake, encodeMessage({ type, body })] as const;
const alertSent = ({ sent }: Fake12) => sent.filter((entry) => String(entry).startsWith("alert"));
const { certificate, clientKeyExchange, certificateVerify: verify, finished: done } = HandshakeType;
const wholeFlight = [certificate, clientKeyExchange, verify, "ccs", done];

test.each([true, false])(
  "a right server is answered (extended master secret: %s)",
  (extendedMasterSecret) => {
    const fake = run({}, {}, { extendedMasterSecret });
    expect([fake.client.ready, fake.client.fault, fake.sent]).toEqual([true, undefined, wholeFlight]);
    fake.client.write(Buffer.from("ping"));
    fake.send(...data("pong"));
    expect([fake.sent.at(-1), fake.received()]).toEqual(["ping", "pong"]);
  },
);

describe("a server that breaks the handshake is refused with an alert", () => {
  const withExtension = (type: number, value: Uint8Array) => (right: ServerHelloParts) => ({
    ...right,
    extensions: new Map([...right.extensions, [type, value]]),
  });
  const changed = (index: number, body: (right: HandshakeMessage) => Uint8Array): Tamper12 => ({
    messages: (right) => right.map((each, i) => (i === index ? { ...each, body: body(each) } : each)),
  });
  const cases: [string, number, () => Tamper12][] = [
    ["TLS 1.3", 70, () => ({ hello: withExtension(ExtensionType.supportedVersions, uint(0x0304, 2)) })],
    ["a suite that was not offered", 47, () => ({ hello: (right) => ({ ...right, suite: 0x009c }) })],
    ["a suite of TLS 1.3", 47, () => ({ hello: (right) => ({ ...right, suite: 0x1301 }) })],
    [
      "an extension that was not asked for",
      110,
      () => ({ hello: withExtension(ExtensionType.alpn, encodeAlpn(["h2"])) }),
    ],
    [
      "another's renegotiation",
      47,
      () => ({ hello: withExtension(ExtensionType.renegotiationInfo, encodeRenegotiationInfo(bytes("01"))) }),
    ],
    ["no certificate", 50, () => changed(0, () => encodeCertificates([], "1.2", bytes("")))],
    [
      "a certificate that is none",
      42,
      () => changed(0, () => encodeCertificates([bytes("3000")], "1.2", bytes(""))),
    ],
    ["another's certificate", 47, () => changed(0, () => encodeCertificates(rsa.chain, "1.2", bytes("")))],
    ["no certificate message", 10, () => ({ messages: (right) => right.slice(1) })],
    ["no key exchange", 10, () => ({ messages: ([first]) => (first ? [first] : []) })],
    ["an unnamed curve", 40, () => changed(1, ({ body }) => Buffer.concat([bytes("01"), body.subarray(1)]))],
    [
      "a wrong signature",
      51,
      () => changed(1, ({ body }) => body.map((byte, i) => (i === body.length - 1 ? byte ^ 1 : byte))),
    ],
    [
      "an impostor's signature",
      51,
      () => ({
        messages: ([first], exchange) =>
          first && impostors[0] ? [first, exchange(0x0403, impostors[0])] : [],
      }),
    ],
    [
      "a group that was not offered",
      47,
      () => ({
        messages: ([first], exchange) => (first ? [first, exchange(0x0403, server.key, 0x001e)] : []),
      }),
    ],
    [
      "a point of another group",
      47,
      () => ({
        messages: ([first], exchange) => (first ? [first, exchange(0x0403, server.key, 0x0017)] : []),
      }),
    ],
    ["two requests", 10, () => ({ messages: ([a, b, c]) => (a && b && c ? [a, b, c, c] : []) })],
    [
      "a ticket that was not announced",
      10,
      () => ({ beforeKeys: [{ type: HandshakeType.newSessionTicket, body: bytes("000000000000") }] }),
    ],
    ["a wrong Finished", 51, () => ({ finished: (right) => right.map((byte) => byte ^ 1) })],
  ];
  test.each(cases)("%s", (_, alert, tamper) => {
    const fake = run(tamper());
    expect([fake.client.ready, fake.client.over, alertSent(fake)]).toEqual([false, true, [`alert ${alert}`]]);
    fake.client.write(Buffer.from("secret"));
    expect(fake.sent).not.toContain("secret");
  });

  test("data before the handshake is over", () => {
    const fake = run({ beforeKeys: null });
    fake.send(...data("early"));
    expect([fake.received(), fake.client.over]).toEqual(["", true]);
  });

  test("a change_cipher_spec before its time (CVE-2014-0224)", () => {
    const fake = run({ messages: () => [] });
    expect(fake.client.over).toBe(true);
    const early = fake12(client("1.2", { identity, script: { flight: [] } }), server);
    early.raw(Buffer.concat([recordHeader(20, 1), bytes("01")]));
    expect([early.client.fault, early.client.over]).toEqual(["change_cipher_spec where none may come", true]);
  });
});

describe("after the handshake", () => {
  test("a request to renegotiate is declined with a warning where there is no script for it", () => {
    const fake = run();
    fake.send(...message(HandshakeType.helloRequest));
    fake.send(...data("on we go"));
    expect([fake.sent.slice(5), fake.received(), fake.client.over]).toEqual([
      ["alert 100"],
      "on we go",
      false,
    ]);
  });

  test("a flood of them ends with the limit", () => {
    const fake = run({}, {}, { limits: { message: 65_536, total: 30_000 } });
    for (let i = 0; i < 5000 && !fake.client.over; i += 1) fake.send(...message(HandshakeType.helloRequest));
    expect(fake.client.fault).toBe("the server sent too much");
    expect(fake.sent.length).toBeLessThan(1000);
  });

  test("a renegotiation that the server asks for runs the script's other flight", () => {
    const fake = run({}, { later: [emptyCertificate, keyExchange, finished] });
    fake.send(...message(HandshakeType.helloRequest));
    expect([fake.sent.slice(5), fake.client.answeredLater, fake.client.fault]).toEqual([
      ["hello", certificate, clientKeyExchange, "ccs", done],
      1,
      undefined,
    ]);
    fake.client.write(Buffer.from("ping"));
    fake.send(...data("pong"));
    expect([fake.sent.at(-1), fake.received()]).toEqual(["ping", "pong"]);
  });

  test("nor without end", () => {
    const fake = run({}, { later: [emptyCertificate, keyExchange, finished] });
    for (let i = 0; i < 10; i += 1) fake.send(...message(HandshakeType.helloRequest));
    expect([fake.client.answeredLater, fake.client.over]).toEqual([4, false]);
  });

  test("one that the client asks for makes the application wait", () => {
    const script = {
      renegotiates: true,
      later: [ownCertificate, keyExchange, certificateVerify(), finished],
    };
    const fake = run({}, script);
    expect([fake.sent, fake.client.ready]).toEqual([[...wholeFlight, "hello", ...wholeFlight], true]);
    expect(fake.client.answeredLater).toBe(1);
  });

  test.each([
    ["a ticket", HandshakeType.newSessionTicket],
    ["a Finished", HandshakeType.finished],
    ["a server hello", HandshakeType.serverHello],
  ])("%s is refused", (_, type) => {
    const fake = run();
    fake.send(...message(type));
    expect(alertSent(fake)).toEqual(["alert 10"]);
  });

  test("a warning is passed over, a fatal alert and close_notify are not", () => {
    const fake = run();
    fake.send(ContentType.alert, bytes("0170"));
    expect(fake.client.over).toBe(false);
    fake.send(ContentType.alert, bytes("0228"));
    expect([fake.client.over, fake.client.fault]).toEqual([true, undefined]);
    const closed = run();
    closed.send(ContentType.alert, bytes("0100"));
    expect(closed.client.over).toBe(true);
  });

  test("a record that is not ours is refused", () => {
    const fake = run();
    fake.raw(Buffer.concat([recordHeader(23, 8), new Uint8Array(8)]));
    expect(alertSent(fake)).toEqual(["alert 20"]);
  });
});

describe("scripts", () => {
  test("a wrong Finished is sent, and the server's own is not needed to be right", () => {
    const flight = [
      ownCertificate,
      keyExchange,
      certificateVerify(),
      { send: "finished", verifyData: "wrong" },
    ] as const;
    const fake = run({ finished: (right) => right.map((byte) => byte ^ 1) }, { flight });
    expect([fake.sent, fake.client.ready]).toEqual([[...wholeFlight, "wrong"], true]);
  });

  test("without Finished the application goes on at once, under the new keys", () => {
    const fake = run({}, { flight: [ownCertificate, keyExchange, certificateVerify(), newKeys] });
    expect([fake.client.ready, fake.sent]).toEqual([true, wholeFlight.slice(0, 4)]);
    fake.client.write(Buffer.from("ping"));
    expect(fake.sent.at(-1)).toBe("ping");
  });

  test("a silent one sends nothing", () => {
    const fake = run({}, { flight: [], silent: true });
    fake.client.write(Buffer.from("ping"));
    expect(fake.sent).toEqual([]);
  });

  test("keys before the key exchange are the script's own mistake", () => {
    expect(() => run({}, { flight: [finished] })).toThrow(RangeError);
  });
});
