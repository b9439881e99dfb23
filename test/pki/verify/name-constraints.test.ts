import { describe, expect, test } from "vitest";
import { tags } from "../../../src/pki/der/read.ts";
import {
  constructed,
  element,
  integer,
  oid,
  primitive,
  sequence,
  setOf,
} from "../../../src/pki/der/write.ts";
import { extension, nameConstraints, subjectAltName } from "../../../src/pki/extensions.ts";
import { type ConstraintBase, encodeGeneralName, type GeneralName } from "../../../src/pki/general-name.ts";
import { encodeName } from "../../../src/pki/name.ts";
import { oids } from "../../../src/pki/oids.ts";
import { constraintViolation } from "../../../src/pki/verify/name-constraints.ts";
import { forge, type Spec } from "./forge.ts";

type Bases = readonly ConstraintBase[];

/** Whether a certificate of these names is within the constraints. */
async function allows(
  names: readonly GeneralName[],
  permitted: Bases,
  excluded: Bases,
  spec: Spec = {},
): Promise<boolean> {
  const ca = await forge({ ca: true, extra: [nameConstraints({ permitted, excluded })] });
  const alternatives = names.length === 0 ? null : subjectAltName(names);
  const { certificate } = await forge({
    subject: encodeName([]),
    replace: { subjectAltName: alternatives },
    ...spec,
  });
  expect(ca.certificate.defects).toEqual([]);
  expect(certificate.defects).toEqual([]);
  const constraints = ca.certificate.nameConstraints;
  return constraintViolation(certificate, constraints ? [constraints] : [], { left: 1000 }) === undefined;
}

const dn = (...values: string[]) =>
  ({ type: "dn", value: encodeName(values.map((value) => ({ type: "O", value }) as const)) }) as const;

/** form, name, base, whether the base covers the name */
const COVERED: [GeneralName, ConstraintBase, boolean][] = [
  [{ type: "dns", value: "example.com" }, { type: "dns", value: "example.com" }, true],
  [{ type: "dns", value: "A.Example.com" }, { type: "dns", value: "example.COM" }, true],
  [{ type: "dns", value: "a.b.example.com" }, { type: "dns", value: "example.com" }, true],
  [{ type: "dns", value: "notexample.com" }, { type: "dns", value: "example.com" }, false],
  [{ type: "dns", value: "example.com.evil.org" }, { type: "dns", value: "example.com" }, false],
  [{ type: "dns", value: "com" }, { type: "dns", value: "example.com" }, false],
  [{ type: "dns", value: "anything.org" }, { type: "dns", value: "" }, true],
  [{ type: "dns", value: "*.example.com" }, { type: "dns", value: "example.com" }, true],
  [{ type: "dns", value: "*.org" }, { type: "dns", value: "example.com" }, false],
  [{ type: "ip", value: "10.1.2.3" }, { type: "ip-range", value: "10.0.0.0/8" }, true],
  [{ type: "ip", value: "11.1.2.3" }, { type: "ip-range", value: "10.0.0.0/8" }, false],
  [{ type: "ip", value: "10.1.2.127" }, { type: "ip-range", value: "10.1.2.0/25" }, true],
  [{ type: "ip", value: "10.1.2.128" }, { type: "ip-range", value: "10.1.2.0/25" }, false],
  [{ type: "ip", value: "10.1.2.3" }, { type: "ip-range", value: "0.0.0.0/0" }, true],
  [{ type: "ip", value: "::ffff:a01:203" }, { type: "ip-range", value: "10.0.0.0/8" }, false],
  [{ type: "ip", value: "2001:db8::1" }, { type: "ip-range", value: "2001:db8::/32" }, true],
  [{ type: "ip", value: "2001:db9::1" }, { type: "ip-range", value: "2001:db8::/32" }, false],
  [{ type: "email", value: "ops@example.com" }, { type: "email", value: "ops@Example.com" }, true],
  [{ type: "email", value: "Ops@example.com" }, { type: "email", value: "ops@example.com" }, false],
  [{ type: "email", value: "ops@example.com" }, { type: "email", value: "example.com" }, true],
  [{ type: "email", value: "ops@a.example.com" }, { type: "email", value: "example.com" }, false],
  [{ type: "email", value: "ops@a.example.com" }, { type: "email", value: ".example.com" }, true],
  [{ type: "email", value: "ops@example.com" }, { type: "email", value: ".example.com" }, false],
  [{ type: "uri", value: "spiffe://fleet.internal/truck" }, { type: "uri", value: "fleet.internal" }, true],
  [{ type: "uri", value: "spiffe://FLEET.internal/truck" }, { type: "uri", value: "fleet.internal" }, true],
  [
    { type: "uri", value: "https://fleet.internal:8443/a:b?c:d" },
    { type: "uri", value: "fleet.internal" },
    true,
  ],
  [{ type: "uri", value: "https://fleet.internal/?a#b" }, { type: "uri", value: "fleet.internal" }, true],
  [{ type: "uri", value: "https://fleet.internal" }, { type: "uri", value: "fleet.internal" }, true],
  [
    { type: "uri", value: "spiffe://a.fleet.internal/truck" },
    { type: "uri", value: "fleet.internal" },
    false,
  ],
  [
    { type: "uri", value: "spiffe://a.fleet.internal/truck" },
    { type: "uri", value: ".fleet.internal" },
    true,
  ],
  [{ type: "uri", value: "spiffe://fleet.internal/truck" }, { type: "uri", value: ".fleet.internal" }, false],
  [{ type: "uri", value: "https://a.fleet.internal:8443" }, { type: "uri", value: ".fleet.internal" }, true],
  [{ type: "uri", value: "spiffe://a_b.fleet.internal/" }, { type: "uri", value: ".fleet.internal" }, true],
  [dn("acme", "trucks"), dn("ACME"), true],
  [dn("acme"), dn("acme", "trucks"), false],
  [dn("other", "acme"), dn("acme"), false],
];

const show = ({ type, value }: GeneralName | ConstraintBase) =>
  `${type}:${typeof value === "string" ? value : "…"}`;

describe("a constraint covers a name", () => {
  test.each(
    COVERED.map(([name, base, covered]) => ({
      name,
      base,
      covered,
      title: `${show(name)} by ${show(base)}: ${covered}`,
    })),
  )("$title", async ({ name, base, covered }) => {
    expect(await allows([name], [base], [])).toBe(covered);
    expect(await allows([name], [], [base])).toBe(!covered);
    // excluded wins over permitted
    expect(await allows([name], [base], [base])).toBe(false);
    // a second base widens what is permitted
    const other =
      base.type === "dn"
        ? dn("zzz")
        : ({ ...base, value: base.type === "ip-range" ? "203.0.113.0/24" : "zzz.example" } as ConstraintBase);
    expect(await allows([name], [other, base], [])).toBe(covered);
  });

  test("a wildcard is excluded by what it stands for, and permitted only when all of that is", async () => {
    const wildcard: GeneralName = { type: "dns", value: "*.example.com" };
    const secret: ConstraintBase = { type: "dns", value: "secret.example.com" };
    expect(await allows([wildcard], [], [secret])).toBe(false);
    expect(await allows([wildcard], [], [{ type: "dns", value: "a.secret.example.com" }])).toBe(true);
    expect(await allows([wildcard], [secret], [])).toBe(false);
  });
});

describe("constraints", () => {
  test("limit only the forms of name that they name", async () => {
    expect(
      await allows([{ type: "dns", value: "a.org" }], [{ type: "ip-range", value: "10.0.0.0/8" }], []),
    ).toBe(true);
    expect(await allows([{ type: "dns", value: "a.org" }], [], [{ type: "uri", value: "a.org" }])).toBe(true);
  });

  test("apply to every name, not only to one", async () => {
    const names: GeneralName[] = [
      { type: "dns", value: "a.example.com" },
      { type: "dns", value: "a.org" },
    ];
    expect(await allows(names, [{ type: "dns", value: "example.com" }], [])).toBe(false);
    expect(
      await allows(
        names,
        [
          { type: "dns", value: "example.com" },
          { type: "dns", value: "org" },
        ],
        [],
      ),
    ).toBe(true);
  });

  test("on directory names and mailboxes apply to the subject", async () => {
    const subject = encodeName([
      { type: "O", value: "acme" },
      { type: "emailAddress", value: "ops@example.com" },
    ]);
    const names: GeneralName[] = [{ type: "dns", value: "a.org" }];
    expect(await allows(names, [dn("acme")], [], { subject })).toBe(true);
    expect(await allows(names, [dn("other")], [], { subject })).toBe(false);
    expect(await allows(names, [{ type: "email", value: "example.com" }], [], { subject })).toBe(true);
    expect(await allows(names, [{ type: "email", value: "example.org" }], [], { subject })).toBe(false);
  });

  /** A subject of one attribute of any string type. */
  const subjectOf = (type: string, tag: number, text: string) => {
    const wide = tag === tags.universalString ? 4 : tag === tags.bmpString ? 2 : 1;
    const bytes = Array.from(Buffer.from(text), (byte) => [...Array<number>(wide - 1).fill(0), byte]).flat();
    return sequence(setOf(sequence(oid(type), element(tag, Uint8Array.from(bytes)))));
  };
  const STRINGS = Object.entries(tags).flatMap(([name, tag]) =>
    name.endsWith("String") && !/^(bit|octet)/.test(name) && typeof tag === "number"
      ? [[name, tag] as const]
      : [],
  );

  test.each(STRINGS)("on mailboxes are not escaped by a mailbox in the subject as %s", async (_, tag) => {
    const names: GeneralName[] = [{ type: "dns", value: "a.org" }];
    const mail = (host: string) => [{ type: "email", value: host }] as const;
    const subject = subjectOf(oids.emailAddress, tag, "boss@evil.test");
    expect(await allows(names, [], mail("evil.test"), { subject })).toBe(false);
    expect(await allows(names, mail("good.test"), [], { subject })).toBe(false);
    const isMailbox = tag === tags.ia5String;
    expect(await allows(names, mail("evil.test"), [], { subject })).toBe(isMailbox);
    expect(await allows(names, [], mail("good.test"), { subject })).toBe(isMailbox);
    expect(await allows(names, [], [{ type: "dns", value: "b.org" }], { subject })).toBe(isMailbox);
  });

  test.each(STRINGS)("on directory names are not escaped by a subject as %s", async (_, tag) => {
    const names: GeneralName[] = [{ type: "dns", value: "a.org" }];
    const subject = subjectOf(oids.organizationName, tag, "Evil");
    expect(await allows(names, [], [dn("evil")], { subject })).toBe(false);
    expect(await allows(names, [dn("good")], [], { subject })).toBe(false);
    expect(await allows(names, [dn("evil")], [], { subject })).toBe(tag !== tags.numericString);
    expect(await allows(names, [], [{ type: "email", value: "evil.test" }], { subject })).toBe(true);
  });

  test("on hosts apply to a common name that looks like one, where there is no DNS name", async () => {
    const uri: GeneralName = { type: "uri", value: "spiffe://fleet.internal/truck" };
    const host: GeneralName = { type: "dns", value: "a.ok.test" };
    const subject = (value: string) => ({ subject: encodeName([{ type: "CN", value }]) });
    const ok: Bases = [{ type: "dns", value: "ok.test" }];
    const evil: Bases = [{ type: "dns", value: "evil.test" }];
    expect(await allows([uri], ok, [], subject("evil.test"))).toBe(false);
    expect(await allows([uri], [], evil, subject("a.EVIL.test"))).toBe(false);
    expect(await allows([uri], ok, [], subject("a.ok.test"))).toBe(true);
    for (const other of ["truck-17", "evil.test.", "evil test.", "-.test", "x@evil.test"]) {
      expect(await allows([uri], ok, [], subject(other))).toBe(true);
    }
    // a NUL at the end is left out, and one before it makes no host's name out of what comes first
    for (const tag of [tags.utf8String, tags.bmpString]) {
      const ending = (end: string) => ({ subject: subjectOf(oids.commonName, tag, `evil.test${end}`) });
      for (const end of ["\0", "\0\0", "\0.ok.test", "\0a.ok.test"])
        expect(await allows([uri], ok, [], ending(end))).toBe(false);
      expect(await allows([uri], [], evil, ending("\0"))).toBe(false);
      expect(await allows([uri], [], [{ type: "uri", value: "b.org" }], ending("\0a"))).toBe(false);
      expect(await allows([uri], evil, [], ending("\0"))).toBe(true);
      expect(await allows([host], ok, [], ending("\0a"))).toBe(true);
    }
    expect(await allows([host], ok, [], subject("evil.test"))).toBe(true);
    const { certificate } = await forge({ ...subject("evil.test"), ca: true });
    const { nameConstraints: limits } = (
      await forge({ ca: true, extra: [nameConstraints({ permitted: ok })] })
    ).certificate;
    const within = (isEnd: boolean) =>
      limits && constraintViolation(certificate, [limits], { left: 1000 }, isEnd) === undefined;
    expect([within(false), within(true)]).toEqual([true, false]);
  });

  test("refuse what is no text where it is limited, and nowhere else", async () => {
    const names: GeneralName[] = [{ type: "dns", value: "a.org" }];
    const mailbox = subjectOf(oids.emailAddress, 0x1b, "boss@good.test");
    const good: Bases = [{ type: "email", value: "good.test" }];
    expect(await allows(names, [], [{ type: "email", value: "evil.test" }], { subject: mailbox })).toBe(
      false,
    );
    expect(await allows(names, good, [], { subject: mailbox })).toBe(false);
    expect(await allows(names, [{ type: "dns", value: "a.org" }], [], { subject: mailbox })).toBe(false);
    const subject = subjectOf(oids.organizationName, 0x1b, "Good");
    expect(await allows(names, [], [dn("evil")], { subject })).toBe(false);
    expect(await allows(names, [dn("good")], [], { subject })).toBe(false);
    expect(await allows(names, [{ type: "dns", value: "a.org" }], [], { subject })).toBe(true);
  });

  test("refuse a mailbox that has another spelling", async () => {
    const names: GeneralName[] = [{ type: "email", value: '"boss"@evil.test' }];
    expect(await allows(names, [], [{ type: "email", value: "boss@evil.test" }])).toBe(false);
    expect(await allows(names, [], [{ type: "dns", value: "evil.test" }])).toBe(true);
  });

  test.each([
    ["without an authority", "urn:uuid:1"],
    ["with two ports", "https://evil.test:443:443/"],
    ["with a user", "https://evil.test@example.com/"],
    ["with a user and a port", "https://user@example.com:8443/"],
    ["with two users", "https://a@b:80@evil.test/"],
    ["with a dot after its host", "https://example.com./"],
    ["with a dot after its host, and a port", "https://example.com.:8443/"],
    ["with a colon in its path alone", "spiffe://example.com/a:b"],
    ["with a query after its host", "https://example.com?a"],
    ["with a fragment after its host", "https://example.com#a"],
    ["with an encoded host", "https://evil%2etest/"],
    ["with an encoded end of its host", "https://evil.test%00.good/"],
    ["with an empty label", "https://evil..test/"],
    ["with an IPv4 address in one number", "https://0x7f000001/"],
    ["with an empty authority", "https:///evil.test"],
    ["with an IPv4 address", "https://192.0.2.1/"],
    ["with an IPv6 address", "https://[2001:db8::1]/"],
  ])("on URIs refuse one %s", async (_, value) => {
    const names: GeneralName[] = [{ type: "uri", value }];
    expect(await allows(names, [{ type: "uri", value: "example.com" }], [])).toBe(false);
    expect(await allows(names, [], [{ type: "uri", value: "example.com" }])).toBe(false);
    expect(await allows(names, [{ type: "dns", value: "example.com" }], [])).toBe(true);
  });

  test("on a form of name that is not processed refuse a certificate that has it, and no other", async () => {
    const other = constructed(0, Buffer.from("06032a0304a0030c0161", "hex"));
    const constraints = extension(oids.nameConstraints, true, sequence(constructed(1, sequence(other))));
    const ca = await forge({ ca: true, extra: [constraints] });
    const within = async (names: Uint8Array) => {
      const replace = { subjectAltName: extension(oids.subjectAltName, false, sequence(names)) };
      const { certificate } = await forge({ replace });
      const limits = ca.certificate.nameConstraints;
      return constraintViolation(certificate, limits ? [limits] : [], { left: 1000 }) === undefined;
    };
    const mailbox = constructed(
      0,
      Buffer.from("06082b06010505070809a0100c0e626f7373406576696c2e74657374", "hex"),
    );
    expect(ca.certificate.defects).toEqual([]);
    expect(await within(encodeGeneralName({ type: "dns", value: "a.org" }))).toBe(true);
    expect(await within(other)).toBe(false);
    const mail = await forge({
      ca: true,
      extra: [nameConstraints({ excluded: [{ type: "email", value: "evil.test" }] })],
    });
    const replace = { subjectAltName: extension(oids.subjectAltName, false, sequence(mailbox)) };
    const { certificate } = await forge({ replace });
    const limits = mail.certificate.nameConstraints;
    expect(limits && constraintViolation(certificate, [limits], { left: 1000 })).toBeDefined();
  });
});

describe("constraints that RFC 5280 does not define are refused", () => {
  const base = primitive(2, Buffer.from("example.com"));
  const permitted = (...subtrees: Uint8Array[]) => sequence(constructed(0, ...subtrees));
  const dns = (value: string) => permitted(sequence(primitive(2, Buffer.from(value))));
  const ip = (...octets: number[]) => permitted(sequence(primitive(7, Uint8Array.from(octets))));

  test.each([
    ["nothing", sequence()],
    ["an empty list", sequence(constructed(0))],
    ["a minimum", permitted(sequence(base, primitive(0, Uint8Array.of(1))))],
    ["a minimum of zero written out", permitted(sequence(base, primitive(0, Uint8Array.of(0))))],
    ["a maximum", permitted(sequence(base, primitive(1, Uint8Array.of(1))))],
    ["a wildcard", dns("*.example.com")],
    ["a leading dot", dns(".example.com")],
    ["a host name with an underscore", dns("a_b.example.com")],
    ["a mask with a hole", ip(10, 0, 0, 0, 255, 0, 255, 0)],
    ["an address without a mask", ip(10, 0, 0, 0)],
    ["a mailbox without a host", permitted(sequence(primitive(1, Buffer.from("ops@"))))],
    ["a URI", permitted(sequence(primitive(6, Buffer.from("https://example.com"))))],
    ["an unknown form", permitted(sequence(primitive(9, Uint8Array.of(1))))],
    ["something behind", Buffer.concat([dns("example.com"), integer(1)])],
    ["no list", sequence(element(0x0c, Buffer.from("a")))],
  ])("%s", async (_, value) => {
    const { certificate } = await forge({ ca: true, extra: [extension(oids.nameConstraints, true, value)] });
    expect(certificate.defects).toMatchObject([{ code: "malformed-extension" }]);
    expect(certificate.nameConstraints).toBeUndefined();
  });

  test("while the same in good form is read", async () => {
    const { certificate } = await forge({
      ca: true,
      extra: [extension(oids.nameConstraints, true, permitted(sequence(base)))],
    });
    expect(certificate.nameConstraints).toEqual({
      permitted: [{ type: "dns", value: "example.com" }],
      excluded: [],
    });
  });
});
