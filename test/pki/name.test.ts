import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { element, oid, sequence, setOf, utf8String } from "../../src/pki/der/write.ts";
import { attributeValues, encodeName, formatName, parseName } from "../../src/pki/name.ts";

describe("names", () => {
  test("whatever a value holds, it stays one value of one attribute", () => {
    const value = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 20 })
      .filter((text) => text.length <= 64);
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 4 }), (values) => {
        const name = encodeName(values.map((text) => ({ type: "OU", value: text })));
        expect(parseName(name)).toEqual(values.map((text) => [{ type: "OU", value: text }]));
      }),
    );
  });

  test("an injected attribute is text and is shown escaped", () => {
    const name = encodeName([
      { type: "C", value: "SE" },
      { type: "O", value: "Fleet" },
      { type: "CN", value: "x, O=Admin" },
    ]);
    expect(attributeValues(name, "O")).toEqual(["Fleet"]);
    expect(formatName(name)).toBe("CN=x\\, O=Admin,O=Fleet,C=SE");
  });

  test("display escapes as RFC 4514 section 2.4 asks", () => {
    const show = (value: string) => formatName(encodeName([{ type: "O", value }]));
    expect(show('a"b+c\\d;e<f>')).toBe('O=a\\"b\\+c\\\\d\\;e\\<f\\>');
    expect(show("#x ")).toBe("O=\\#x\\ ");
    expect(show(" x")).toBe("O=\\ x");
    expect(show("\0")).toBe("O=\\00");
  });

  test("a name with several attributes in an RDN, and one of an unknown type", () => {
    const pair = (type: string, value: string) => sequence(oid(type), utf8String(value));
    const name = sequence(setOf(pair("2.5.4.3", "a"), pair("1.2.3", "b")));
    expect(formatName(name)).toBe("1.2.3=b+CN=a");
  });

  test.each([
    ["an empty value", { type: "CN", value: "" }],
    ["a value beyond the bound", { type: "CN", value: "x".repeat(65) }],
    ["a lone surrogate", { type: "CN", value: "\ud800" }],
    ["a country that is no code", { type: "C", value: "Sverige" }],
    ["a domain component beyond ASCII", { type: "DC", value: "ä" }],
  ] as const)("%s is refused", (_, attribute) => {
    expect(() => encodeName([attribute])).toThrow(expect.objectContaining({ code: "input" }) as Error);
  });

  test.each([
    ["an empty RDN", sequence(setOf())],
    ["an attribute without a value", sequence(setOf(sequence(oid("2.5.4.3"))))],
    ["trailing bytes", Buffer.concat([sequence(), Uint8Array.of(0)])],
    ["no sequence", element(0x31)],
  ])("reading %s is refused", (_, name) => {
    expect(() => parseName(name)).toThrow(expect.objectContaining({ code: "input" }) as Error);
  });
});
