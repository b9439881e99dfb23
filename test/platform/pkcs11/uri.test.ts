import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatPkcs11Uri, parsePkcs11Uri, type Pkcs11Uri } from "../../../src/platform/pkcs11/uri.ts";
import { unlessRefused } from "../../support/refusal.ts";

const text = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 20 })
  .filter((value) => !/\p{Cc}|\p{Cs}/u.test(value));

const anyUri: fc.Arbitrary<Pkcs11Uri> = fc.record(
  {
    token: text,
    manufacturer: text,
    serial: text,
    model: text,
    slotId: fc.nat(),
    object: text,
    id: fc.uint8Array({ minLength: 1, maxLength: 20 }).map((id) => Buffer.from(id).toString("hex")),
    modulePath: text,
    pinSource: text,
  },
  { requiredKeys: [] },
);

describe("a PKCS#11 URI", () => {
  test("is read as it was written, whatever is in it", () => {
    fc.assert(
      fc.property(anyUri, (uri) => {
        const written = formatPkcs11Uri(uri);
        expect(written).toMatch(/^pkcs11:[ -~]*$/);
        expect(parsePkcs11Uri(written)).toEqual(uri);
      }),
    );
  });

  test("that is anything else is refused, or means the same when it is written again", () => {
    const parts = fc.constantFrom(
      "token=a",
      "id=%00",
      "type=private",
      ";",
      "?",
      "&",
      "module-path=/x",
      "%",
      "=",
      "x",
    );
    const any = fc.oneof(
      fc.string(),
      fc.array(parts, { maxLength: 8 }).map((list) => `pkcs11:${list.join("")}`),
    );
    fc.assert(
      fc.property(any, (input) => {
        const uri = unlessRefused(() => parsePkcs11Uri(input), "usage");
        expect(uri && parsePkcs11Uri(formatPkcs11Uri(uri))).toEqual(uri);
      }),
    );
  });

  // RFC 7512 section 3, those that name a private key or a token by what is supported here
  test.each<[string, Pkcs11Uri]>([
    ["pkcs11:", {}],
    ["pkcs11:object=my-pubkey;type=private", { object: "my-pubkey" }],
    [
      "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;model=1.0;object=my-certificate;type=private;id=%69%95%3E%5C%F4%BD%EC%91;serial=1?pin-source=file:/etc/token_pin",
      {
        token: "The Software PKCS#11 Softtoken",
        manufacturer: "Snake Oil, Inc.",
        model: "1.0",
        object: "my-certificate",
        id: "69953e5cf4bdec91",
        serial: "1",
        pinSource: "file:/etc/token_pin",
      },
    ],
    [
      "pkcs11:slot-id=327?module-path=/lib64/libmypkcs11.so.1",
      { slotId: 327, modulePath: "/lib64/libmypkcs11.so.1" },
    ],
    ["pkcs11:id=%69%95%3e%5c%f4%bd%ec%91", { id: "69953e5cf4bdec91" }],
  ])("%s", (input, uri) => {
    expect(parsePkcs11Uri(input)).toEqual(uri);
  });

  test.each([
    ["another scheme", "file:/key"],
    ["an upper-case scheme, which nobody writes", "PKCS11:token=a"],
    ["an attribute twice", "pkcs11:token=a;token=b"],
    ["an attribute that is not known", "pkcs11:x-vendor=a"],
    ["an attribute of Object's", "pkcs11:constructor=a"],
    ["no value", "pkcs11:token="],
    ["an empty part", "pkcs11:token=a;;object=b"],
    ["half an escape", "pkcs11:token=%4"],
    ["a NUL", "pkcs11:token=a%00b"],
    ["bytes that are no UTF-8", "pkcs11:token=%ff"],
    ["a space", "pkcs11:token=a b"],
    ["a slash in the path", "pkcs11:token=a/b"],
    ["a certificate", "pkcs11:object=a;type=cert"],
    ["a slot that is no number", "pkcs11:slot-id=0x1"],
    ["a PIN", "pkcs11:token=a?pin-value=1234"],
    ["a library's name", "pkcs11:token=a?module-name=softhsm"],
    ["too much", `pkcs11:token=${"a".repeat(5000)}`],
  ])("with %s is refused", (_title, input) => {
    expect(unlessRefused(() => parsePkcs11Uri(input), "usage")).toBeUndefined();
  });

  test("a PIN in it is not repeated in the message", () => {
    expect(() => parsePkcs11Uri("pkcs11:token=a?pin-value=98765")).toThrow(/^(?!.*98765)/);
  });
});
