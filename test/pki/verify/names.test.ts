import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readSingle, tags } from "../../../src/pki/der/read.ts";
import { element, oid, sequence, setOf } from "../../../src/pki/der/write.ts";
import { encodeName } from "../../../src/pki/name.ts";
import { oids } from "../../../src/pki/oids.ts";
import { displayName, isWithin, mayBeWithin, readName } from "../../../src/pki/verify/name.ts";
import { unlessRefused } from "../../support/refusal.ts";

const read = (der: Uint8Array) => readName(readSingle(der, tags.sequence, "name"), "name");

/** A name of one attribute, in the string type of that tag. */
function nameOf(text: string, tag: number = tags.utf8String, type: string = oids.commonName): Uint8Array {
  return sequence(setOf(sequence(oid(type), element(tag, encoded(text, tag)))));
}

function encoded(text: string, tag: number): Uint8Array {
  if (tag === tags.bmpString) return Buffer.from(text, "utf16le").swap16();
  if (tag === tags.universalString) {
    return Buffer.from(Array.from(text, (character) => [0, ...bigEndian(character)]).flat());
  }
  return Buffer.from(text, tag === tags.utf8String ? "utf8" : "latin1");
}

/** Three octets. */
function bigEndian(character: string): number[] {
  const point = character.codePointAt(0) ?? 0;
  return [point >> 16, (point >> 8) & 0xff, point & 0xff];
}

const typed = (tag: number, bytes: number[]) =>
  sequence(setOf(sequence(oid(oids.commonName), element(tag, Uint8Array.from(bytes)))));

const match = (a: Uint8Array, b: Uint8Array) => read(a).key === read(b).key;

describe("names match by RFC 5280 section 7.1", () => {
  test.each([
    ["another case", nameOf("Fleet CA"), nameOf("FLEET ca")],
    ["more spaces", nameOf("  Fleet   CA "), nameOf("Fleet CA")],
    ["another string type", nameOf("Fleet CA"), nameOf("Fleet CA", tags.printableString)],
    ["TeletexString", nameOf("Fleet CA"), nameOf("fleet ca", tags.teletexString)],
    ["BMPString", nameOf("Z\u00fcrich"), nameOf("z\u00fcrich", tags.bmpString)],
    ["UniversalString", nameOf("Fleet \u{1d538}"), nameOf("fleet \u{1d538}", tags.universalString)],
    ["VisibleString", nameOf("Fleet"), nameOf("fleet", tags.visibleString)],
    ["the same characters composed otherwise", nameOf("Zu\u0308rich"), nameOf("Z\u00fcrich")],
    ["ligatures and full-width letters", nameOf("\ufb01eet"), nameOf("\uff46ieet")],
    [
      "the same domain component",
      nameOf("Example", tags.ia5String, oids.domainComponent),
      nameOf("example", tags.ia5String, oids.domainComponent),
    ],
  ])("with %s", (_, a, b) => {
    expect(match(a, b)).toBe(true);
  });

  test.each([
    ["other text", nameOf("Fleet CA"), nameOf("Fleet CA 2")],
    ["another type of attribute", nameOf("Fleet"), nameOf("Fleet", tags.utf8String, oids.organizationName)],
    ["a space less", nameOf("Fleet CA"), nameOf("FleetCA")],
    ["a letter that only looks the same", nameOf("Fleet"), nameOf("Fl\u0435et")],
    ["an invisible character", nameOf("Fleet"), nameOf("Fl\u200beet")],
    ["a byte order mark", nameOf("Fleet"), nameOf("\ufeffFleet")],
    ["a control character", nameOf("Fleet"), nameOf("Fleet\u0000")],
    ["NumericString, which OpenSSL holds for another value", nameOf("7"), nameOf("7", tags.numericString)],
    ["T.61, or is it Latin-1", nameOf("Z\u00fcrich"), nameOf("Z\u00fcrich", tags.teletexString)],
    ["a BMPString with surrogates", nameOf("\u{1d538}"), nameOf("\u{1d538}", tags.bmpString)],
    ["a string type that is not read", nameOf("Fleet"), nameOf("Fleet", 0x1b)],
    [
      "a second part",
      nameOf("a"),
      encodeName([
        { type: "CN", value: "a" },
        { type: "CN", value: "a" },
      ]),
    ],
  ])("but not with %s", (_, a, b) => {
    expect(match(a, b)).toBe(false);
    expect(match(a, a) && match(b, b)).toBe(true);
  });

  test("the parts of one RDN have no order, those of a name have", () => {
    const [a, b] = [
      sequence(oid(oids.commonName), element(0x0c, Buffer.from("a"))),
      sequence(oid(oids.organizationName), element(0x0c, Buffer.from("b"))),
    ];
    const set = (...items: Uint8Array[]) => element(0x31, ...items);
    expect(match(sequence(set(a, b)), sequence(set(b, a)))).toBe(true);
    expect(match(sequence(set(a), set(b)), sequence(set(b), set(a)))).toBe(false);
    expect(match(sequence(set(a, b)), sequence(set(a), set(b)))).toBe(false);
  });

  test("no text can pass for the boundary between two parts", () => {
    const parts = fc.array(
      fc.string({
        minLength: 1,
        maxLength: 8,
        unit: fc.constantFrom("a", '"', ",", "\\", "[", "\n", "=", "#"),
      }),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        const name = (values: string[]) => encodeName(values.map((value) => ({ type: "O", value }) as const));
        expect(match(name(a), name(b))).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
  });

  test("a subtree is a prefix of whole parts", () => {
    const name = (...values: string[]) =>
      read(encodeName(values.map((value) => ({ type: "OU", value }) as const)));
    expect(isWithin(name("a", "b"), name("A"))).toBe(true);
    expect(isWithin(name("a", "b"), name("a", "b"))).toBe(true);
    expect(isWithin(name("a"), name())).toBe(true);
    expect(isWithin(name("a"), name("a", "b"))).toBe(false);
    expect(isWithin(name("ab"), name("a"))).toBe(false);
    expect(isWithin(name("b", "a"), name("a"))).toBe(false);
  });
});

describe("what an exclusion covers", () => {
  const base = nameOf("Fleet");
  test.each([
    ["the same", base],
    ["NumericString", nameOf("7", tags.numericString), nameOf("7")],
    ["T.61 beyond ASCII", nameOf("Fl\u00e9et", tags.teletexString)],
    ["a string type that is not read", nameOf("Fleet", 0x1b)],
    ["a value that is no string", nameOf("\u0001", tags.integer)],
    ["an invisible character", nameOf("Fle\u200bet")],
    ["a control character", nameOf("Fleet\u0000")],
    ["an exclusion that cannot be compared itself", nameOf("Fleet"), nameOf("Truck", 0x1b)],
  ])("with %s", (_, name, excluded = base) => {
    expect(mayBeWithin(read(name), read(excluded))).toBe(true);
  });

  test.each([
    ["other text", nameOf("Truck")],
    ["other text in another string type", nameOf("Truck", tags.universalString)],
    ["another type of attribute that is not read", nameOf("Fleet", 0x1b, oids.organizationName)],
    ["no part", encodeName([])],
  ])("but not with %s", (_, name) => {
    expect(mayBeWithin(read(name), read(base))).toBe(false);
  });
});

describe("names are shown", () => {
  test.each([
    [
      encodeName([
        { type: "O", value: "acme" },
        { type: "CN", value: "truck-7" },
      ]),
      "CN=truck-7,O=acme",
    ],
    [encodeName([{ type: "CN", value: "x, O=Admin+a\\b" }]), "CN=x\\, O=Admin\\+a\\\\b"],
    [nameOf("a", tags.utf8String, "2.5.4.99"), "2.5.4.99=a"],
    [nameOf("\u0001", tags.integer), "CN=#020101"],
    [encodeName([]), "(no name)"],
    [
      sequence(
        element(
          0x31,
          sequence(oid(oids.commonName), element(0x0c, Buffer.from("a"))),
          sequence(oid(oids.userId), element(0x0c, Buffer.from("b"))),
        ),
      ),
      "CN=a+UID=b",
    ],
  ])("as in RFC 4514", (der, text) => {
    expect(displayName(read(der))).toBe(text);
  });
});

describe("names are refused", () => {
  test.each([
    ["with an empty RDN", sequence(element(0x31))],
    ["with something else than a SET", sequence(sequence())],
    ["with an attribute without a value", sequence(setOf(sequence(oid(oids.commonName))))],
    [
      "with an attribute with two values",
      sequence(setOf(sequence(oid(oids.commonName), element(0x0c), element(0x0c)))),
    ],
    [
      "with invalid UTF-8",
      sequence(setOf(sequence(oid(oids.commonName), element(0x0c, Uint8Array.of(0xff))))),
    ],
    ["with a UniversalString of broken characters", typed(tags.universalString, [0, 0, 0])],
    ["with a character that does not exist", typed(tags.universalString, [0, 0x11, 0, 0])],
    ["with a VisibleString that is not ASCII", typed(tags.visibleString, [0xe9])],
    [
      "with 200 parts",
      sequence(
        ...Array.from({ length: 200 }, () =>
          setOf(sequence(oid(oids.commonName), element(0x0c, Buffer.from("a")))),
        ),
      ),
    ],
  ])("%s", (_, der) => {
    expect(unlessRefused(() => read(der))).toBeUndefined();
  });
});
