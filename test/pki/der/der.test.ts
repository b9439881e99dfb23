import fc from "fast-check";
import type { FleetsecError } from "../../../src/errors.ts";
import { describe, expect, test } from "vitest";
import { derReader, readSingle, tags } from "../../../src/pki/der/read.ts";
import {
  bitStringOf,
  booleanOf,
  integerOf,
  namedBitsOf,
  oidOf,
  smallIntegerOf,
  stringOf,
  timeOf,
} from "../../../src/pki/der/values.ts";
import {
  bitString,
  boolean,
  element,
  integer,
  namedBits,
  octetString,
  oid,
  sequence,
  setOf,
  time,
  utf8String,
} from "../../../src/pki/der/write.ts";

const bytes = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
const hex = (data: Uint8Array) => Buffer.from(data).toString("hex");
const single = (data: Uint8Array, tag: number) => readSingle(data, tag, "test");
const inputError = expect.objectContaining({ code: "input" }) as Error;

describe("what is written reads back", () => {
  test("octet strings of every length", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 70_000 }), (length) => {
        expect(single(octetString(new Uint8Array(length)), tags.octetString).contents.length).toBe(length);
      }),
    );
  });

  test("numbers", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 40 }), (value) => {
        expect(smallIntegerOf(single(integer(value), tags.integer), "test")).toBe(value);
      }),
    );
  });

  test("magnitudes, as positive and minimal integers", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 24 }), (magnitude) => {
        const contents = integerOf(single(integer(magnitude), tags.integer), "test");
        expect((contents[0] ?? 0) < 0x80).toBe(true);
        expect(BigInt(`0x${hex(contents)}`)).toBe(BigInt(`0x${hex(magnitude)}`));
      }),
    );
  });

  test("object identifiers", () => {
    const arcs = fc.tuple(
      fc.constantFrom(0, 1, 2),
      fc.integer({ min: 0, max: 39 }),
      fc.array(fc.integer({ min: 0, max: 2 ** 45 }), { maxLength: 8 }),
    );
    fc.assert(
      fc.property(arcs, ([first, second, rest]) => {
        const dotted = [first, second, ...rest].join(".");
        expect(oidOf(single(oid(dotted), tags.oid), "test")).toBe(dotted);
      }),
    );
  });

  test("named bits", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 20 })), (bits) => {
        const read = namedBitsOf(single(namedBits(bits), tags.bitString), "test");
        expect(read).toEqual([...bits].sort((a, b) => a - b));
      }),
    );
  });

  test("whole seconds from 1950 to 9999", () => {
    const range = { min: Date.UTC(1950, 0, 1) / 1000, max: Date.UTC(9999, 11, 31, 23, 59, 59) / 1000 };
    fc.assert(
      fc.property(fc.integer(range), (seconds) => {
        const read = derReader(time(seconds * 1000), "test").next();
        expect(timeOf(read, "test")).toBe(seconds * 1000);
      }),
    );
  });

  test("text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(stringOf(single(utf8String(text), tags.utf8String), "test")).toBe(text);
      }),
    );
  });
});

describe("writing", () => {
  test("matches known encodings", () => {
    expect(hex(oid("1.2.840.113549"))).toBe("06062a864886f70d");
    expect(hex(oid("2.999.3"))).toBe("0603883703"); // X.690 section 8.19.5
    expect(hex(integer(128))).toBe("02020080");
    expect(hex(integer(0))).toBe("020100");
    expect(hex(namedBits([5, 6]))).toBe("03020106"); // keyCertSign, cRLSign
    expect(hex(boolean(true))).toBe("0101ff");
    expect(hex(sequence(boolean(false), bitString(bytes("aa"))))).toBe("3007010100030200aa");
    expect(hex(setOf(integer(2), integer(1)))).toBe("3106020101020102");
    expect(hex(octetString(new Uint8Array(200)).subarray(0, 3))).toBe("0481c8");
  });

  test("changes from UTCTime to GeneralizedTime in 2050 (RFC 5280 section 4.1.2.5)", () => {
    expect(Buffer.from(time(Date.UTC(2049, 11, 31, 23, 59, 59, 999))).toString("latin1")).toBe(
      "\u0017\r491231235959Z",
    );
    expect(Buffer.from(time(Date.UTC(2050, 0, 1))).toString("latin1")).toBe("\u0018\u000f20500101000000Z");
  });
});

describe("reading refuses", () => {
  test.each([
    ["nothing", ""],
    ["a lone tag", "30"],
    ["a missing body", "3003 0101"],
    ["an indefinite length", "3080 0000"],
    ["a long form for a short length", "0481 05 0102030405"],
    ["leading zeros in a length", "0482 0080" + "00".repeat(128)],
    ["a length of 5 bytes", "0485 0000000001 00"],
    ["a high tag number", "1f8101 00"],
    ["trailing bytes", "0401 00 00"],
  ])("%s", (_, encoded) => {
    expect(() => {
      const reader = derReader(bytes(encoded), "test");
      reader.next();
      reader.end();
    }).toThrow(inputError);
  });

  test.each([
    ["an integer with a needless zero", () => integerOf(single(bytes("02020001"), 2), "t")],
    ["an integer with needless ones", () => integerOf(single(bytes("0202ff80"), 2), "t")],
    ["an empty integer", () => integerOf(single(bytes("0200"), 2), "t")],
    ["a negative number", () => smallIntegerOf(single(bytes("0201ff"), 2), "t")],
    ["a boolean of 01", () => booleanOf(single(bytes("010101"), 1), "t")],
    ["an identifier with a needless 80", () => oidOf(single(bytes("06032a8001"), 6), "t")],
    ["an identifier cut short", () => oidOf(single(bytes("06022a86"), 6), "t")],
    ["an empty identifier", () => oidOf(single(bytes("0600"), 6), "t")],
    ["a bit list with surplus bits", () => namedBitsOf(single(bytes("03020006"), 3), "t")],
    ["a bit list with set unused bits", () => namedBitsOf(single(bytes("03020207"), 3), "t")],
    ["a bit string of broken bytes", () => bitStringOf(single(bytes("03020106"), 3), "t")],
    ["30 February", () => timeOf(element7("230230000000Z"), "t")],
    ["a time without seconds", () => timeOf(element7("2302010000Z"), "t")],
    ["a time with an offset", () => timeOf(element7("230201000000+0100"), "t")],
    ["malformed UTF-8", () => stringOf(single(bytes("0c01ff"), tags.utf8String), "t")],
    ["ASCII beyond 7 bits", () => stringOf(single(bytes("1301e4"), tags.printableString), "t")],
    ["a BMPString of odd length", () => stringOf(single(bytes("1e0141"), tags.bmpString), "t")],
    ["an integer as a string", () => stringOf(single(bytes("020141"), tags.integer), "t")],
  ])("%s", (_, read) => {
    expect(read).toThrow(inputError);
  });

  test("any bytes at all without anything but an input error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (data) => {
        const read = () => {
          const reader = derReader(data, "test");
          while (!reader.done()) reader.next();
        };
        expect(["read", "input"]).toContain(outcomeOf(read));
      }),
    );
  });
});

function element7(text: string) {
  return single(element(tags.utcTime, Buffer.from(text)), tags.utcTime);
}

function outcomeOf(read: () => void): string {
  try {
    read();
    return "read";
  } catch (error) {
    return (error as FleetsecError).code;
  }
}
