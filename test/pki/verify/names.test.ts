import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readSingle, tags } from "../../../src/pki/der/read.ts";
import { element, oid, sequence, setOf } from "../../../src/pki/der/write.ts";
import { encodeName } from "../../../src/pki/name.ts";
import { oids } from "../../../src/pki/oids.ts";
import { displayName, isWithin, readName } from "../../../src/pki/verify/name.ts";
import { unlessRefused } from "../../support/refusal.ts";

const read = (der: Uint8Array) => readName(readSingle(der, tags.sequence, "name"), "name");

/** A name of one attribute, in the string type of that tag. */
function nameOf(text: string, tag: number = tags.utf8String, type: string = oids.commonName): Uint8Array {
  const bytes = tag === tags.bmpString ? Buffer.from(text, "utf16le").swap16() : Buffer.from(text, "utf8");
  return sequence(setOf(sequence(oid(type), element(tag, bytes))));
}

const match = (a: Uint8Array, b: Uint8Array) => read(a).key === read(b).key;

describe("names match by RFC 5280 section 7.1", () => {
  test.each([
    ["another case", nameOf("Fleet CA"), nameOf("FLEET ca")],
    ["more spaces", nameOf("  Fleet   CA "), nameOf("Fleet CA")],
    ["another string type", nameOf("Fleet CA"), nameOf("Fleet CA", tags.printableString)],
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
    ["a string type that is compared as it is", nameOf("Fleet"), nameOf("Fleet", tags.teletexString)],
    ["two more of those", nameOf("Fleet", tags.bmpString), nameOf("fleet", tags.bmpString)],
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
