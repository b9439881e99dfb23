import { createPrivateKey } from "node:crypto";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { uint, vector } from "../../../src/probe/wire/codec.ts";
import { encodeAlpn, ExtensionType } from "../../../src/probe/wire/extensions.ts";
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
  ownCertificate,
} from "../../../src/probe/wire/script.ts";
import { type TestCa, testCa, testLeaf } from "../support/certificates.ts";
import { client, impostors, wireIdentity } from "./drive.ts";
import {
  type Fake13,
  fake13,
  retryRandom,
  type ServerHelloParts,
  type ServerKey,
  type Tamper,
} from "./fake-server.ts";
import { bytes } from "./rfc8448.ts";
import type { WireIdentity } from "../../../src/probe/wire/settings.ts";

let ca: TestCa;
let server: ServerKey;
let rsa: ServerKey;
let identity: WireIdentity;

beforeAll(async () => {
  ca = await testCa("hostile test CA");
  const leaf = await testLeaf(ca, { commonName: "server", purpose: "server" });
  const other = await testLeaf(ca, { commonName: "server", purpose: "server", keyType: "rsa2048" });
  server = { chain: [leaf.der], key: createPrivateKey(leaf.keyPem) };
  rsa = { chain: [other.der], key: createPrivateKey(other.keyPem) };
  identity = wireIdentity(await testLeaf(ca, { commonName: "client", purpose: "client" }));
});

const run = (tamper: Tamper = {}) => fake13(client("1.3", { identity }), server, tamper);
const data = (text: string) => [ContentType.applicationData, Buffer.from(text)] as const;
const message = (type: number, body: Uint8Array) => encodeMessage({ type, body });
const alertSent = ({ sent }: Fake13) => sent.filter((entry) => String(entry).startsWith("alert"));

/** Changes one extension of a ServerHello. */
const withExtension = (type: number, value: Uint8Array) => (right: ServerHelloParts) => ({
  ...right,
  extensions: new Map([...right.extensions, [type, value]]),
});
const withoutExtension = (type: number) => (right: ServerHelloParts) => ({
  ...right,
  extensions: new Map([...right.extensions].filter(([other]) => other !== type)),
});
const retry = (extensions: [number, Uint8Array][]) => (right: ServerHelloParts) => ({
  ...right,
  random: retryRandom,
  extensions: new Map<number, Uint8Array>([
    [ExtensionType.supportedVersions, uint(0x0304, 2)],
    ...extensions,
  ]),
});
const secp256r1 = uint(0x0017, 2);

test("a right server is answered, and data goes both ways", () => {
  const fake = run();
  expect([fake.client.ready, fake.client.fault, fake.sent]).toEqual([
    true,
    undefined,
    [HandshakeType.certificate, HandshakeType.certificateVerify, HandshakeType.finished],
  ]);
  fake.client.write(Buffer.from("ping"));
  fake.send(...data("pong"));
  expect([fake.sent.at(-1), fake.received()]).toEqual(["ping", "pong"]);
});

describe("a server that breaks the handshake is refused with an alert, and gets nothing of ours", () => {
  const hellos: [string, number, Tamper["hello"]][] = [
    ["another session id", 47, (right) => ({ ...right, sessionId: new Uint8Array(32) })],
    ["a suite that was not offered", 47, (right) => ({ ...right, suite: 0x1304 })],
    ["a suite of TLS 1.2", 47, (right) => ({ ...right, suite: 0xc02f })],
    ["an extension that was not asked for", 110, withExtension(ExtensionType.alpn, encodeAlpn(["h2"]))],
    ["no key share", 109, withoutExtension(ExtensionType.keyShare)],
    [
      "a share of another group",
      47,
      withExtension(ExtensionType.keyShare, Buffer.concat([secp256r1, vector(2, new Uint8Array(65))])),
    ],
    [
      "a share that is no point",
      47,
      withExtension(ExtensionType.keyShare, Buffer.concat([uint(0x001d, 2), vector(2, new Uint8Array(32))])),
    ],
    ["a PSK that was not offered", 47, withExtension(ExtensionType.preSharedKey, uint(0, 2))],
    ["TLS 1.2", 70, withoutExtension(ExtensionType.supportedVersions)],
    ["a retry that changes nothing", 47, retry([])],
    ["a retry for a group that is there", 47, retry([[ExtensionType.keyShare, uint(0x001d, 2)]])],
    ["a retry for a group that we have not", 47, retry([[ExtensionType.keyShare, uint(0x001e, 2)]])],
    ["one retry after the other", 10, retry([[ExtensionType.cookie, vector(2, bytes("01"))]])],
    ["a retry with an empty cookie", 50, retry([[ExtensionType.cookie, vector(2)]])],
  ];
  test.each(hellos)("server hello: %s", (_, alert, hello) => {
    const fake = run(hello === undefined ? {} : { hello });
    expect([fake.client.ready, fake.client.over, fake.sent]).toEqual([false, true, [`alert ${alert}`]]);
  });

  test("a retry is followed, with another share and the cookie; but not to another suite", () => {
    let count = 0;
    const once = (second: (right: ServerHelloParts) => ServerHelloParts) => ({
      hello: (right: ServerHelloParts) => {
        count += 1;
        const cookie: [number, Uint8Array] = [ExtensionType.cookie, vector(2, bytes("0102"))];
        return count % 2 === 1 ? retry([[ExtensionType.keyShare, secp256r1], cookie])(right) : second(right);
      },
    });
    expect(run(once((right) => right)).client.ready).toBe(true);
    expect(run(once((right) => ({ ...right, suite: 0x1303 }))).sent).toEqual(["alert 47"]);
  });

  const changed = (index: number, body: (right: HandshakeMessage) => Uint8Array): Tamper => ({
    certificate: (right) => right.map((each, i) => (i === index ? { ...each, body: body(each) } : each)),
  });
  const flights: [string, number, () => Tamper][] = [
    ["an extension that was not asked for", 110, () => ({ encryptedExtensions: new Map([[99, bytes("")]]) })],
    [
      "a protocol that was not offered",
      110,
      () => ({ encryptedExtensions: new Map([[16, encodeAlpn(["h2"])]]) }),
    ],
    [
      "a request with a context",
      47,
      () => changed(0, ({ body }) => Buffer.concat([vector(1, bytes("01")), body.subarray(1)])),
    ],
    ["a request without schemes", 109, () => changed(0, () => bytes("000000"))],
    ["no certificate", 50, () => changed(1, () => encodeCertificates([], "1.3", bytes("")))],
    [
      "a certificate that is none",
      42,
      () => changed(1, () => encodeCertificates([bytes("3000")], "1.3", bytes(""))),
    ],
    [
      "a certificate with a context",
      50,
      () => changed(1, () => encodeCertificates(server.chain, "1.3", bytes("01"))),
    ],
    ["another's certificate", 47, () => changed(1, () => encodeCertificates(rsa.chain, "1.3", bytes("")))],
    ["an empty signature", 51, () => changed(2, () => bytes("04030000"))],
    [
      "a signature over something else",
      51,
      () => changed(2, ({ body }) => body.map((byte, i) => (i === body.length - 1 ? byte ^ 1 : byte))),
    ],
    ["no certificate verify", 10, () => ({ certificate: (right) => right.slice(0, 2) })],
    ["no certificate at all", 10, () => ({ certificate: () => [] })],
    [
      "two requests",
      10,
      () => ({ certificate: ([request, ...rest]) => (request ? [request, request, ...rest] : []) }),
    ],
    [
      "an impostor's signature",
      51,
      () => ({
        certificate: ([a, b], resign) => (a && b && impostors[0] ? [a, b, resign(0x0403, impostors[0])] : []),
      }),
    ],
    [
      "a client's signature",
      51,
      () => ({
        certificate: ([a, b], resign) => (a && b ? [a, b, resign(0x0403, server.key, "client")] : []),
      }),
    ],
    [
      "a scheme of another curve",
      47,
      () => ({ certificate: ([a, b], resign) => (a && b ? [a, b, resign(0x0503, server.key)] : []) }),
    ],
    ["a wrong Finished", 51, () => ({ finished: (right) => right.map((byte) => byte ^ 1) })],
    ["a short Finished", 51, () => ({ finished: (right) => right.subarray(1) })],
    [
      "a message behind Finished in its record",
      10,
      () => ({ behind: [{ type: HandshakeType.newSessionTicket, body: bytes("") }] }),
    ],
  ];
  test.each(flights)("flight: %s", (_, alert, tamper) => {
    const fake = run(tamper());
    expect([fake.client.over, fake.client.fault === undefined, alertSent(fake)]).toEqual([
      true,
      false,
      [`alert ${alert}`],
    ]);
    fake.client.write(Buffer.from("secret"));
    expect(fake.sent).not.toContain("secret");
  });

  test("PKCS #1 v1.5 does not sign the handshake", () => {
    const tamper: Tamper = {
      certificate: ([a, b], resign) => (a && b ? [a, b, resign(0x0401, rsa.key)] : []),
    };
    expect(fake13(client("1.3"), rsa, tamper).sent).toEqual(["alert 47"]);
    const pss: Tamper = { certificate: ([a, b], resign) => (a && b ? [a, b, resign(0x0804, rsa.key)] : []) };
    expect(fake13(client("1.3"), rsa, pss).client.ready).toBe(true);
  });

  test("any changed bit of the server's flight keeps the client from going on", () => {
    const { client: right } = run();
    expect(right.ready).toBe(true);
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 0, max: 7 }), (at, bit) => {
        const { client: wire } = run({
          bytes(flight) {
            // the minor version of an unprotected record means nothing (RFC 8446, section 5.1)
            const index = at % flight.length === 2 ? 3 : at % flight.length;
            return flight.map((byte, i) => (i === index ? byte ^ (1 << bit) : byte));
          },
        });
        expect(wire.ready).toBe(false);
      }),
      { numRuns: 40 },
    );
  });

  test("cut, doubled and garbled flights neither throw nor pass", () => {
    const pieces = fc.array(fc.tuple(fc.nat(900), fc.nat(900)), { maxLength: 4 });
    fc.assert(
      fc.property(pieces, fc.uint8Array({ maxLength: 40 }), (cuts, garbage) => {
        let intact = false;
        const { client: wire } = run({
          bytes(right) {
            const made = Buffer.concat([...cuts.map(([from, to]) => right.subarray(from, to)), garbage]);
            const read = Buffer.from(made.subarray(0, right.length));
            // the minor version of an unprotected record means nothing (RFC 8446, section 5.1)
            if (read.length > 2) read[2] = right[2] ?? 0;
            intact = read.equals(right);
            return made;
          },
        });
        expect(wire.ready).toBe(intact);
      }),
      // the whole flight, and behind it what is no record: each record counts when it is there
      { numRuns: 40, examples: [[[[0, 900]], Uint8Array.of(22, 0, 0, 61, 122)]] },
    );
  });

  test("nor do garbage and records of any kind, in the place of a server hello", () => {
    const record = fc
      .tuple(fc.integer({ min: 19, max: 24 }), fc.uint8Array({ maxLength: 200 }))
      .map(([type, fragment]) => Buffer.concat([recordHeader(type, fragment.length), fragment]));
    fc.assert(
      fc.property(
        fc.array(fc.oneof(record, fc.uint8Array({ maxLength: 100 })), { maxLength: 6 }),
        (stream) => {
          const fake = run({ bytes: () => Buffer.concat(stream) });
          expect([fake.client.ready, fake.received()]).toEqual([false, ""]);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe("records", () => {
  const plain = (type: number, hex: string) =>
    Buffer.concat([recordHeader(type, hex.length / 2), bytes(hex)]);
  const early: [string, number, Uint8Array][] = [
    ["data before the handshake", 10, plain(23, "00")],
    ["an empty handshake record", 10, plain(22, "")],
    ["a change_cipher_spec of two bytes", 10, plain(20, "0101")],
    ["another change_cipher_spec", 10, plain(20, "02")],
    ["an alert of one byte", 50, plain(21, "02")],
    ["a message of more than 64 KiB", 50, plain(22, "02010001")],
    ["a message that is interrupted", 10, Buffer.concat([plain(22, "0200"), plain(23, "00")])],
    [
      "a record of more than 2^14 bytes",
      22,
      Buffer.concat([recordHeader(22, 16_385), new Uint8Array(16_385)]),
    ],
    ["plain HTTP", 50, Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")],
  ];
  test.each(early)("%s", (_, alert, stream) => {
    const fake = run({ bytes: () => stream });
    expect([fake.client.over, fake.sent]).toEqual([true, [`alert ${alert}`]]);
  });

  test("change_cipher_spec is passed over in the handshake, and not after it", () => {
    const fake = run({ bytes: (right) => Buffer.concat([plain(20, "01"), right]) });
    expect(fake.client.ready).toBe(true);
    fake.raw(plain(20, "01"));
    expect([fake.client.over, alertSent(fake)]).toEqual([true, ["alert 10"]]);
  });

  test("an alert in the clear is heard; other records in the clear are not", () => {
    const alerted = run();
    alerted.raw(plain(21, "0232"));
    expect([alerted.client.over, alerted.client.fault]).toEqual([true, undefined]);
    expect(alerted.client.events.at(-1)).toMatchObject({ kind: "alert", fatal: true, description: 50 });
    const forged = run();
    forged.raw(plain(22, "0400"));
    expect([forged.client.fault, alertSent(forged)]).toEqual(["an unprotected record", ["alert 10"]]);
  });

  test("one byte after the other is as good as all at once", () => {
    let flight: Uint8Array = new Uint8Array();
    const fake = run({
      bytes(right) {
        flight = right;
        return new Uint8Array();
      },
    });
    for (const byte of flight) fake.raw(Uint8Array.of(byte));
    expect([fake.client.ready, fake.client.fault]).toEqual([true, undefined]);
  });

  test("what a server sends in all is limited, whatever it is", () => {
    const total = 20_000;
    const limits = { message: 65_536, total };
    const fake = fake13(client("1.3", { identity, limits }), server);
    for (let i = 0; i < 1000 && !fake.client.over; i += 1) fake.send(...data("x".repeat(100)));
    expect(fake.client.fault).toBe("the server sent too much");
    expect(fake.received().length).toBeLessThan(total);
    expect(fake.received().length).toBeGreaterThan(total / 2);
  });
});

describe("after the handshake", () => {
  const keyUpdate = (request: number) =>
    [ContentType.handshake, message(HandshakeType.keyUpdate, Uint8Array.of(request))] as const;

  test("the server changes its keys, and asks for ours", () => {
    const fake = run();
    fake.send(...keyUpdate(0));
    fake.updateKeys();
    fake.send(...data("new"));
    expect([fake.received(), fake.sent.length]).toEqual(["new", 3]);
    fake.send(...keyUpdate(1));
    fake.updateKeys();
    fake.client.write(Buffer.from("ours"));
    fake.send(...data(" keys"));
    expect([fake.received(), fake.sent.slice(3)]).toEqual(["new keys", [HandshakeType.keyUpdate, "ours"]]);
  });

  test("key updates without end are cut off", () => {
    const fake = run();
    for (let i = 0; i < 100 && !fake.client.over; i += 1) {
      fake.send(...keyUpdate(1));
      fake.updateKeys();
    }
    expect(fake.client.fault).toBe("too many key updates");
    expect(fake.sent.length).toBeLessThan(40);
  });

  test("a message behind a key update in its record is refused", () => {
    const fake = run();
    const [type, update] = keyUpdate(0);
    fake.send(type, Buffer.concat([update, update]));
    expect(alertSent(fake)).toEqual(["alert 10"]);
  });

  test("tickets are kept, but no number of them", () => {
    const fake = run();
    const ticket = Buffer.concat([
      uint(60, 4),
      uint(0, 4),
      vector(1, bytes("00")),
      vector(2, bytes("0102")),
      vector(2),
    ]);
    for (let i = 0; i < 100; i += 1)
      fake.send(ContentType.handshake, message(HandshakeType.newSessionTicket, ticket));
    expect([fake.client.sessions.length, fake.client.over]).toEqual([16, false]);
    const long = Buffer.concat([uint(604_801, 4), ticket.subarray(4)]);
    fake.send(ContentType.handshake, message(HandshakeType.newSessionTicket, long));
    expect(alertSent(fake)).toEqual(["alert 47"]);
  });

  const request = (context: string) => {
    const extensions = Buffer.concat([uint(13, 2), vector(2, vector(2, uint(0x0403, 2)))]);
    const body = Buffer.concat([vector(1, bytes(context)), vector(2, extensions)]);
    return [ContentType.handshake, message(HandshakeType.certificateRequest, body)] as const;
  };

  test("a request for a certificate is refused unless it was offered", () => {
    const fake = run();
    fake.send(...request("01"));
    expect([fake.client.answeredLater, alertSent(fake)]).toEqual([0, ["alert 10"]]);
  });

  test("a request for a certificate is answered by its script, a few times", () => {
    const script = { later: [ownCertificate, certificateVerify(), finished] };
    const fake = fake13(client("1.3", { identity, script }), server);
    for (let i = 0; i < 4; i += 1) fake.send(...request("01"));
    expect([fake.client.answeredLater, fake.sent.length]).toEqual([4, 3 + 4 * 3]);
    fake.send(...request("01"));
    expect([fake.client.answeredLater, alertSent(fake)]).toEqual([4, ["alert 10"]]);
    const empty = fake13(
      client("1.3", { identity, script: { later: [emptyCertificate, finished] } }),
      server,
    );
    empty.send(...request(""));
    expect(alertSent(empty)).toEqual(["alert 47"]);
  });

  test.each([
    ["a server hello", HandshakeType.serverHello],
    ["a second Finished", HandshakeType.finished],
    ["a hello request", HandshakeType.helloRequest],
  ])("%s is refused", (_, type) => {
    const fake = run();
    fake.send(ContentType.handshake, message(type, bytes("")));
    expect(alertSent(fake)).toEqual(["alert 10"]);
  });

  test("close_notify ends it, and user_canceled does not", () => {
    const fake = run();
    fake.send(ContentType.alert, bytes("015a"));
    expect(fake.client.over).toBe(false);
    fake.send(ContentType.alert, bytes("0100"));
    fake.send(...data("late"));
    fake.client.write(Buffer.from("late"));
    expect([fake.client.over, fake.client.fault, fake.received(), fake.sent.length]).toEqual([
      true,
      undefined,
      "",
      3,
    ]);
  });

  test("records that are not ours are refused", () => {
    const fake = run();
    fake.raw(Buffer.concat([recordHeader(23, 40), new Uint8Array(40)]));
    expect([fake.client.fault, alertSent(fake)]).toEqual(["record does not authenticate", ["alert 20"]]);
  });

  test("content of an unknown type is refused", () => {
    const fake = run();
    fake.send(24, bytes("00"));
    expect(alertSent(fake)).toEqual(["alert 10"]);
  });
});
