import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeFields, type Field, fieldDecoder } from "../../../../src/probe/protocols/http2/hpack.ts";
import { decodeHuffman } from "../../../../src/probe/protocols/http2/huffman.ts";
import { DecodeError } from "../../../../src/probe/wire/codec.ts";

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ""), "hex");

/** RFC 7541, appendices C.4 and C.6: one connection each. */
const REQUESTS: [string, Field[]][] = [
  [
    "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
    [
      [":method", "GET"],
      [":scheme", "http"],
      [":path", "/"],
      [":authority", "www.example.com"],
    ],
  ],
  [
    "8286 84be 5886 a8eb 1064 9cbf",
    [
      [":method", "GET"],
      [":scheme", "http"],
      [":path", "/"],
      [":authority", "www.example.com"],
      ["cache-control", "no-cache"],
    ],
  ],
  [
    "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    [
      [":method", "GET"],
      [":scheme", "https"],
      [":path", "/index.html"],
      [":authority", "www.example.com"],
      ["custom-key", "custom-value"],
    ],
  ],
];
const LOCATION: Field = ["location", "https://www.example.com"];
const RESPONSES: [string, Field[]][] = [
  [
    `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718
     63c7 8f0b 97c8 e9ae 82ae 43d3`,
    [[":status", "302"], ["cache-control", "private"], ["date", "Mon, 21 Oct 2013 20:13:21 GMT"], LOCATION],
  ],
  [
    "4883 640e ffc1 c0bf",
    [[":status", "307"], ["cache-control", "private"], ["date", "Mon, 21 Oct 2013 20:13:21 GMT"], LOCATION],
  ],
  [
    `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7
     b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
    [
      [":status", "200"],
      ["cache-control", "private"],
      ["date", "Mon, 21 Oct 2013 20:13:22 GMT"],
      LOCATION,
      ["content-encoding", "gzip"],
      ["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"],
    ],
  ],
];

describe("header compression", () => {
  test("the RFC's requests", () => {
    const decoder = fieldDecoder();
    for (const [block, fields] of REQUESTS) expect(decoder.decode(hex(block))).toEqual(fields);
  });

  test("the RFC's responses, in a table of 256 bytes that evicts", () => {
    const decoder = fieldDecoder();
    expect(decoder.decode(hex("3fe101"))).toEqual([]);
    for (const [block, fields] of RESPONSES) expect(decoder.decode(hex(block))).toEqual(fields);
  });

  test("what we encode is what was meant", () => {
    const text = fc.string({
      unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
      maxLength: 300,
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text), { maxLength: 5 }), (fields) => {
        expect(fieldDecoder().decode(encodeFields(fields))).toEqual(fields);
      }),
      { numRuns: 50 },
    );
  });

  test.each([
    ["an index of zero", "80"],
    ["an index of an empty table", "be"],
    ["a table larger than allowed", "3fe23f"],
    ["a string that is cut short", "0005 6162"],
    ["a length without end", `007f${"80".repeat(20)}`],
    ["a length of gigabytes", "007f ffff ffff 7f"],
    ["the end-of-string symbol", "0084 ffffffff"],
    ["padding with a zero in it", "0081 00 00"],
    ["padding of a whole byte", "0082 07ff 00"],
  ])("%s is refused", (_what, block) => {
    expect(() => fieldDecoder().decode(hex(block))).toThrow(DecodeError);
  });

  test("a few bytes that stand for megabytes are refused", () => {
    const large = encodeFields([["x", "y".repeat(3000)]]);
    // literal with incremental indexing in place of without
    large[0] = 0x40;
    const bomb = Buffer.concat([large, Buffer.alloc(10_000, 0xbe)]);
    expect(() => fieldDecoder().decode(bomb)).toThrow("too many header fields");
  });

  test("any bytes are read or refused", () => {
    const decode = (bytes: Uint8Array): unknown => {
      try {
        return [fieldDecoder().decode(bytes), decodeHuffman(bytes)];
      } catch (error) {
        return error;
      }
    };
    const decoded = fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const result = decode(bytes);
      return Array.isArray(result) || result instanceof DecodeError;
    });
    expect(() => fc.assert(decoded, { numRuns: 200 })).not.toThrow();
  });
});
