import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { byteQueue } from "../../../src/probe/wire/byte-queue.ts";
import { encodeClientHello } from "../../../src/probe/wire/client-hello.ts";
import { DecodeError, listOf, parse, reader, uint, vector } from "../../../src/probe/wire/codec.ts";
import * as extensions from "../../../src/probe/wire/extensions.ts";
import * as handshake from "../../../src/probe/wire/handshake.ts";
import { encodeClientKeyExchange, parseServerKeyExchange } from "../../../src/probe/wire/key-exchange.ts";
import { ProtocolError } from "../../../src/probe/wire/protocol-error.ts";
import { fragments, recordHeader, recordSplitter } from "../../../src/probe/wire/records.ts";
import { parseNewSessionTicket, parseNewSessionTicket12 } from "../../../src/probe/wire/session-ticket.ts";
import { cpuStopwatch } from "../../support/cpu.ts";
import { bytes, hex, traces } from "./rfc8448.ts";

const data = (max = 300) => fc.uint8Array({ maxLength: max });
const code = () => fc.integer({ min: 0, max: 0xffff });

describe("the presentation language", () => {
  test("numbers read back", () => {
    fc.assert(
      fc.property(fc.constantFrom(1, 2, 3, 4), fc.nat(), (length, number) => {
        const value = number % 256 ** length;
        expect(parse(uint(value, length), (from) => from.uint(length))).toBe(value);
      }),
    );
  });

  test("eight-byte numbers of a sequence", () => {
    expect(hex(uint(2 ** 40 + 5, 8))).toBe("0000010000000005");
  });

  test("vectors read back, and a cut one does not", () => {
    fc.assert(
      fc.property(fc.constantFrom(1, 2, 3), data(255), (length, contents) => {
        const encoded = vector(length, contents);
        expect(hex(parse(encoded, (from) => from.vector(length)))).toBe(hex(contents));
        expect(() => reader(encoded.subarray(0, -1)).vector(length)).toThrow(DecodeError);
      }),
    );
  });

  test("a vector holds no more than its length can say", () => {
    expect(vector(1, new Uint8Array(255)).length).toBe(256);
    expect(() => vector(1, new Uint8Array(256))).toThrow(RangeError);
  });

  test("what is left over, and what is too short, is refused", () => {
    expect(() => parse(bytes("0102"), (from) => from.uint(1))).toThrow("trailing bytes");
    expect(() => parse(bytes("00"), (from) => from.vector(1, 1))).toThrow("vector too short");
  });

  test("lists end with their bytes", () => {
    expect(listOf(bytes("00010002"), (from) => from.uint(2))).toEqual([1, 2]);
    expect(() => listOf(bytes("000100"), (from) => from.uint(2))).toThrow(DecodeError);
  });
});

describe("byte queue", () => {
  test("gives what went in, in pieces of any size", () => {
    fc.assert(
      fc.property(fc.array(data(40)), fc.array(fc.nat(60)), (pieces, sizes) => {
        const queue = byteQueue();
        for (const piece of pieces) queue.push(piece);
        const all = Buffer.concat(pieces);
        let at = 0;
        for (const size of sizes) {
          const taken = queue.take(size);
          const expected = at + size > all.length ? undefined : all.subarray(at, at + size);
          expect(taken && hex(taken)).toBe(expected && hex(expected));
          at += expected?.length ?? 0;
        }
        expect(queue.length).toBe(all.length - at);
      }),
    );
  });

  test("what it gave stays as it is", () => {
    const queue = byteQueue();
    queue.push(bytes("0102"));
    const taken = queue.take(2);
    for (let i = 0; i < 100; i += 1) queue.push(bytes("ffff"));
    expect(taken).toEqual(bytes("0102"));
  });

  test("a mebibyte in single bytes takes no more than moments", () => {
    const queue = byteQueue();
    const one = bytes("00");
    const spent = cpuStopwatch();
    for (let i = 0; i < 1 << 20; i += 1) queue.push(one);
    expect(queue.length).toBe(1 << 20);
    expect(spent()).toBeLessThan(2000);
  });
});

describe("records", () => {
  const record = (type: number, fragment: Uint8Array) =>
    Buffer.concat([recordHeader(type, fragment.length), fragment]);

  test("come out the same however the bytes are cut", () => {
    const types = fc.constantFrom(20, 21, 22, 23);
    fc.assert(
      fc.property(fc.array(fc.tuple(types, data())), fc.integer({ min: 1, max: 50 }), (contents, size) => {
        const stream = Buffer.concat(contents.map(([type, fragment]) => record(type, fragment)));
        const splitter = recordSplitter();
        const found = fragments(stream, size).flatMap((piece) => [...splitter.push(piece)]);
        expect(found.map(({ type, fragment }) => [type, hex(fragment)])).toEqual(
          contents.map(([type, fragment]) => [type, hex(fragment)]),
        );
      }),
    );
  });

  test.each([
    ["plain HTTP", Buffer.from("HTTP/1.1 400 Bad Request\r\n"), "not a TLS record"],
    ["SSL 2", bytes("802e0103010015"), "not a TLS record"],
    ["a type beyond application data", bytes("1803030001"), "not a TLS record"],
    ["too long", bytes("1703034801"), "record too long"],
  ])("%s is refused by its header", (_, stream, message) => {
    expect(() => [...recordSplitter().push(stream)]).toThrow(message);
  });

  test("a record counts although what follows it in the same piece is none", () => {
    const found: string[] = [];
    const read = () => {
      for (const { fragment } of recordSplitter().push(bytes("15030300020100485454502f")))
        found.push(hex(fragment));
    };
    expect(read).toThrow("not a TLS record");
    expect(found).toEqual(["0100"]);
  });

  test("the longest that TLS 1.2 allows is waited for", () => {
    expect([...recordSplitter().push(bytes("1703034800"))]).toEqual([]);
  });

  test("content is cut into pieces that fit", () => {
    expect(fragments(new Uint8Array(16_385)).map((piece) => piece.length)).toEqual([16_384, 1]);
    expect(fragments(new Uint8Array()).length).toBe(1);
  });
});

describe("handshake messages", () => {
  const message = () => fc.record({ type: fc.integer({ min: 0, max: 255 }), body: data() });

  test("come out the same however they are cut", () => {
    fc.assert(
      fc.property(fc.array(message()), fc.integer({ min: 1, max: 50 }), (messages, size) => {
        const stream = Buffer.concat(messages.map(handshake.encodeMessage));
        const splitter = handshake.messageSplitter();
        const found = fragments(stream, size).flatMap((piece) => splitter.push(piece));
        expect(found.map(({ type, body }) => [type, hex(body)])).toEqual(
          messages.map(({ type, body }) => [type, hex(body)]),
        );
        expect(splitter.pending).toBe(0);
      }),
    );
  });

  test("one that is too long is refused by its header", () => {
    const splitter = handshake.messageSplitter(1000);
    expect(splitter.push(bytes("0b0003e8"))).toEqual([]);
    expect(splitter.pending).toBe(4);
    expect(() => handshake.messageSplitter(1000).push(bytes("0b0003e9"))).toThrow(DecodeError);
    expect(() => handshake.messageSplitter().push(bytes("0bffffff"))).toThrow(DecodeError);
  });

  test("certificates read back", () => {
    const chain = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 4 });
    fc.assert(
      fc.property(chain, data(20), fc.constantFrom("1.2", "1.3"), (certificates, context, version) => {
        const body = handshake.encodeCertificates(certificates, version, context);
        expect(handshake.parseCertificates(body, version).map(hex)).toEqual(certificates.map(hex));
      }),
    );
  });

  test("an empty certificate in the list is refused", () => {
    expect(() => handshake.parseCertificates(bytes("000003000000"), "1.2")).toThrow(DecodeError);
  });

  test("certificate verify reads back", () => {
    fc.assert(
      fc.property(code(), data(), (scheme, signature) => {
        const body = handshake.encodeCertificateVerify({ scheme, signature });
        const read = handshake.parseCertificateVerify(body);
        expect([read.scheme, hex(read.signature)]).toEqual([scheme, hex(signature)]);
      }),
    );
  });

  test("a server key exchange keeps its signed part as it stands", () => {
    fc.assert(
      fc.property(
        code(),
        fc.uint8Array({ minLength: 1, maxLength: 200 }),
        data(),
        (group, key, signature) => {
          const params = Buffer.concat([uint(3, 1), uint(group, 2), encodeClientKeyExchange(key)]);
          const verify = handshake.encodeCertificateVerify({ scheme: 0x0403, signature });
          const read = parseServerKeyExchange(Buffer.concat([params, verify]));
          expect({
            ...read,
            publicKey: hex(read.publicKey),
            params: hex(read.params),
            signature: "",
          }).toEqual({
            group,
            publicKey: hex(key),
            params: hex(params),
            scheme: 0x0403,
            signature: "",
          });
        },
      ),
    );
  });

  test("key update says whether one is wanted in return", () => {
    expect(handshake.parseKeyUpdate(bytes("00"))).toBe(false);
    expect(handshake.parseKeyUpdate(bytes("01"))).toBe(true);
    expect(() => handshake.parseKeyUpdate(bytes("02"))).toThrow(DecodeError);
  });

  test.each([
    ["compression", "0303", "01", ""],
    ["TLS 1.3 without its extension", "0304", "00", ""],
    ["TLS 1.3 in the place of the old version", "0304", "00", "0006002b00020304"],
    ["an old version in the place of TLS 1.3", "0303", "00", "0006002b00020303"],
    ["an unknown version", "0303", "00", "0006002b00027f1c"],
    ["an extension that comes twice", "0303", "00", "000c002b00020304002b00020304"],
  ])("a server hello with %s is refused", (_, legacy, compression, extras) => {
    const hello = (version: string, method: string, tail: string) =>
      bytes(`${version}${"00".repeat(32)}00c02f${method}${tail}`);
    expect(handshake.parseServerHello(hello("0303", "00", "0006002b00020304")).version).toBe("1.3");
    expect(handshake.parseServerHello(hello("0303", "00", "")).version).toBe("1.2");
    expect(() => handshake.parseServerHello(hello(legacy, compression, extras))).toThrow(ProtocolError);
  });
});

describe("extensions", () => {
  test("read back in their order", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(code(), data()), { selector: ([type]) => type }), (list) => {
        const encoded = extensions.encodeExtensions(new Map(list));
        const read = extensions.parseExtensions(parse(encoded, (from) => from.vector(2)));
        expect([...read].map(([type, value]) => [type, hex(value)])).toEqual(
          list.map(([type, value]) => [type, hex(value)]),
        );
      }),
    );
  });

  test("the values that go both ways read back", () => {
    const filled = fc.uint8Array({ minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(code(), filled, fc.string({ minLength: 1, maxLength: 100 }), (group, value, name) => {
        const share = parse(extensions.encodeKeyShares([{ group, publicKey: value }]), (from) =>
          from.vector(2),
        );
        const read = extensions.parseKeyShare(share);
        expect([read.group, hex(read.publicKey)]).toEqual([group, hex(value)]);
        expect(hex(extensions.parseCookie(extensions.encodeCookie(value)))).toBe(hex(value));
        const info = extensions.encodeRenegotiationInfo(value);
        expect(hex(extensions.parseRenegotiationInfo(info))).toBe(hex(value));
        const protocol = Buffer.from(name).toString("latin1");
        fc.pre(protocol.length < 256);
        expect(extensions.parseAlpn(extensions.encodeAlpn([protocol]))).toBe(protocol);
      }),
    );
  });

  test("a server chooses one protocol, not two", () => {
    expect(() => extensions.parseAlpn(extensions.encodeAlpn(["h2", "http/1.1"]))).toThrow(DecodeError);
  });

  test("a client hello with the extensions of RFC 8448, section 3, is that client hello", () => {
    const [, record = ""] = traces["3"].records[0] ?? [];
    const { type, body } = handshake.messageSplitter().push(bytes(record).subarray(5))[0] ?? {
      body: bytes(""),
    };
    expect(type).toBe(handshake.HandshakeType.clientHello);
    const rebuilt = encodeClientHello({
      random: handshake.clientRandom(body),
      sessionId: new Uint8Array(),
      cipherSuites: [0x1301, 0x1303, 0x1302],
      extensions: new Map<number, Uint8Array>([
        [extensions.ExtensionType.serverName, extensions.encodeServerName("server")],
        [extensions.ExtensionType.renegotiationInfo, extensions.encodeRenegotiationInfo(bytes(""))],
        [
          extensions.ExtensionType.supportedGroups,
          extensions.encodeCodes([29, 23, 24, 25, 256, 257, 258, 259, 260]),
        ],
        [extensions.ExtensionType.sessionTicket, bytes("")],
        [
          extensions.ExtensionType.keyShare,
          extensions.encodeKeyShares([
            {
              group: 29,
              publicKey: bytes("99381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c"),
            },
          ]),
        ],
        [extensions.ExtensionType.supportedVersions, extensions.encodeSupportedVersions([0x0304])],
        [
          extensions.ExtensionType.signatureAlgorithms,
          extensions.encodeCodes([
            0x0403, 0x0503, 0x0603, 0x0203, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0201, 0x0402,
            0x0502, 0x0602, 0x0202,
          ]),
        ],
        [extensions.ExtensionType.pskKeyExchangeModes, extensions.pskWithDhe],
        [28, bytes("4001")],
      ]),
    });
    expect(hex(rebuilt)).toBe(hex(body));
  });
});

describe("hostile bytes", () => {
  const parsers: readonly [string, (body: Uint8Array) => unknown][] = [
    ["server hello", handshake.parseServerHello],
    ["client random", handshake.clientRandom],
    ["certificate request 1.2", (body) => handshake.parseCertificateRequest(body, "1.2")],
    ["certificate request 1.3", (body) => handshake.parseCertificateRequest(body, "1.3")],
    ["certificates 1.2", (body) => handshake.parseCertificates(body, "1.2")],
    ["certificates 1.3", (body) => handshake.parseCertificates(body, "1.3")],
    ["certificate verify", handshake.parseCertificateVerify],
    ["server key exchange", parseServerKeyExchange],
    ["ticket", parseNewSessionTicket],
    ["ticket 1.2", parseNewSessionTicket12],
    ["key update", handshake.parseKeyUpdate],
    ["extensions", extensions.parseExtensions],
    ["key share", extensions.parseKeyShare],
    ["cookie", extensions.parseCookie],
    ["protocol", extensions.parseAlpn],
    ["renegotiation info", extensions.parseRenegotiationInfo],
    ["records", (body) => [...recordSplitter().push(body)]],
    ["messages", (body) => handshake.messageSplitter().push(body)],
  ];
  /** What the server sent in the clear: a good start for mutations. */
  const seeds = Object.values(traces).flatMap(({ records }) =>
    records.filter(([from]) => from === "server").map(([, record]) => bytes(record)),
  );

  /** A property that fails with whatever is thrown and is not the folder's own error. */
  const readOrRefused = (parser: (body: Uint8Array) => unknown, body: Uint8Array) => {
    try {
      parser(body);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
    return true;
  };

  test.each(parsers)("%s: garbage is refused or read, never more", (_, parser) => {
    const outcome = fc.check(fc.property(data(600), (body) => readOrRefused(parser, body)));
    expect(outcome.counterexample).toBeNull();
  });

  test.each(parsers)("%s: so are mutated messages", (_, parser) => {
    const outcome = fc.check(
      fc.property(
        fc.constantFrom(...seeds),
        fc.constantFrom(0, 5, 9, 13),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
        fc.nat(20),
        (seed, skip, changes, shorter) => {
          const body = Uint8Array.from(seed.subarray(skip));
          for (const [at, value] of changes) body[at % body.length] = value;
          return readOrRefused(parser, body.subarray(0, body.length - shorter));
        },
      ),
    );
    expect(outcome.counterexample).toBeNull();
  });
});
