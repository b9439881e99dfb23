import { describe, expect, test } from "vitest";
import { constructed, integer, primitive, sequence } from "../../../src/pki/der/write.ts";
import {
  authorityKeyIdentifier,
  extension,
  type ExtensionDer,
  keyUsage,
} from "../../../src/pki/extensions.ts";
import { oids } from "../../../src/pki/oids.ts";
import { parseCrl } from "../../../src/pki/verify/crl.ts";
import { isInvalid, verifyCertificate } from "../../../src/pki/verify/verify.ts";
import { cpuStopwatch } from "../../support/cpu.ts";
import {
  type CrlForgery,
  DAY,
  forge,
  forgeCrl,
  HOUR,
  type Identity,
  newKey,
  NOW,
  serialOf,
  type Spec,
  unknownExtension,
} from "./forge.ts";

const usualExtensions = [
  authorityKeyIdentifier(Uint8Array.of(1)),
  extension(oids.crlNumber, false, integer(1)),
];

interface Chain {
  readonly root: Identity;
  readonly issuing: Identity;
  readonly leaf: Identity;
}

async function chain(issuing: Spec = {}): Promise<Chain> {
  const root = await forge({ subject: "root", ca: true });
  const middle = await forge({ subject: "issuing", ca: true, ...issuing }, root);
  return { root, issuing: middle, leaf: await forge({}, middle) };
}

/** The revocation state of the path's certificates, or the reasons, those that prove nothing marked with `?`. */
function ask({ root, issuing, leaf }: Chain, crls: readonly Uint8Array[], at = NOW) {
  const verdict = verifyCertificate({
    certificate: leaf.certificate,
    intermediates: [issuing.certificate],
    anchors: [root.certificate],
    at,
    crls: crls.map((der) => parseCrl(der, "CRL")),
  });
  if (verdict.ok) return verdict.path.map(({ revocation }) => revocation);
  return verdict.reasons.map(
    ({ code, certificate }) => `${code}@${certificate}${isInvalid(verdict) ? "" : "?"}`,
  );
}

describe("a certificate is not revoked", () => {
  test("when its issuer's CRL is current and does not name it", async () => {
    const made = await chain();
    expect(ask(made, [forgeCrl(made.issuing)])).toEqual(["good", "unchecked", "not-applicable"]);
    const other = { serial: integer(7) };
    expect(ask(made, [forgeCrl(made.issuing, { entries: [other] }), forgeCrl(made.root)])).toEqual([
      "good",
      "good",
      "not-applicable",
    ]);
  });

  test("through the last second of the CRL, and no longer", async () => {
    const made = await chain();
    const crl = forgeCrl(made.issuing);
    expect(ask(made, [crl], NOW - HOUR)).toEqual(["good", "unchecked", "not-applicable"]);
    expect(ask(made, [crl], NOW + HOUR + 999)).toEqual(["good", "unchecked", "not-applicable"]);
    expect(ask(made, [crl], NOW + HOUR + 1000)).toEqual(["stale-crl@0?"]);
    expect(ask(made, [crl], NOW - HOUR - 1)).toEqual(["stale-crl@0?"]);
  });

  test("when another CA has revoked the same number", async () => {
    const made = await chain();
    const entries = [{ serial: serialOf(made.leaf) }];
    expect(ask(made, [forgeCrl(made.issuing), forgeCrl(made.root, { entries })])).toEqual([
      "good",
      "good",
      "not-applicable",
    ]);
  });

  test("when a good CRL stands beside a useless one", async () => {
    const made = await chain();
    const stale = forgeCrl(made.issuing, { nextUpdate: NOW - 1000 });
    const alien = forgeCrl(made.issuing, { signer: await newKey() });
    expect(ask(made, [stale, alien, forgeCrl(made.issuing)])).toEqual([
      "good",
      "unchecked",
      "not-applicable",
    ]);
  });
});

describe("a certificate is revoked", () => {
  test("when its issuer's CRL names it", async () => {
    const made = await chain();
    expect(
      ask(made, [forgeCrl(made.issuing, { entries: [{ serial: serialOf(made.leaf), reason: 1 }] })]),
    ).toEqual(["revoked@0"]);
  });

  test("when the root's CRL names its CA", async () => {
    const made = await chain();
    const crls = [
      forgeCrl(made.issuing),
      forgeCrl(made.root, { entries: [{ serial: serialOf(made.issuing) }] }),
    ];
    expect(ask(made, crls)).toEqual(["revoked@1"]);
  });

  test("when it is only held, and when the CRL is stale", async () => {
    const made = await chain();
    const entries = [{ serial: serialOf(made.leaf), reason: 6 }];
    expect(ask(made, [forgeCrl(made.issuing, { entries })])).toEqual(["revoked@0"]);
    expect(ask(made, [forgeCrl(made.issuing, { entries, nextUpdate: NOW - 1000 })])).toEqual(["revoked@0"]);
  });
});

describe("nobody can tell", () => {
  test.each<[string, CrlForgery, string]>([
    ["from a stale CRL", { nextUpdate: NOW - 1000 }, "stale-crl@0?"],
    ["from a CRL of the future", { thisUpdate: NOW + 1000, nextUpdate: NOW + DAY }, "stale-crl@0?"],
    [
      "from a CRL with a critical extension that is not known",
      { extensions: [...usualExtensions, unknownExtension(true)] },
      "unusable-crl@0?",
    ],
    [
      "from a CRL whose entries have a critical extension, such as a certificate issuer",
      { entries: [{ serial: integer(7), extra: [extension("2.5.29.29", true, sequence())] }] },
      "unusable-crl@0?",
    ],
  ])("%s", async (_, forgery, expected) => {
    const made = await chain();
    expect(ask(made, [forgeCrl(made.issuing, forgery)])).toEqual([expected]);
  });

  test("without a CRL by the issuer", async () => {
    const made = await chain();
    expect(ask(made, [])).toEqual(["no-crl@0?"]);
    expect(ask(made, [forgeCrl(made.root)])).toEqual(["no-crl@0?"]);
  });

  test("from a CRL that another key signed, even when it says revoked", async () => {
    const made = await chain();
    const signer = await newKey();
    const entries = [{ serial: serialOf(made.leaf) }];
    expect(ask(made, [forgeCrl(made.issuing, { signer })])).toEqual(["unusable-crl@0?"]);
    expect(ask(made, [forgeCrl(made.issuing, { signer, entries })])).toEqual(["unusable-crl@0?"]);
  });

  test("from a CRL by an issuer that may not sign CRLs", async () => {
    const made = await chain({ replace: { keyUsage: keyUsage(["keyCertSign"]) } });
    expect(ask(made, [forgeCrl(made.issuing)])).toEqual(["unusable-crl@0?"]);
  });

  test("from a stale CRL of the root, where there is one", async () => {
    const made = await chain();
    const crls = [forgeCrl(made.issuing), forgeCrl(made.root, { nextUpdate: NOW - 1000 })];
    expect(ask(made, crls)).toEqual(["stale-crl@1?"]);
  });

  test("but an expired certificate is invalid whatever the CRL", async () => {
    const made = await chain();
    const leaf = await forge({ notAfter: NOW - HOUR }, made.issuing);
    expect(ask({ ...made, leaf }, [forgeCrl(made.issuing, { nextUpdate: NOW - 1000 })])).toEqual([
      "expired@0",
      "stale-crl@0",
    ]);
  });
});

describe.each([true, false])("a CRL that is partial by an extension, critical: %s,", (critical) => {
  const point = (...fields: Uint8Array[]) =>
    extension(oids.issuingDistributionPoint, critical, sequence(...fields));
  const yes = (number: number) => primitive(number, Uint8Array.of(0xff));
  const uri = primitive(6, Buffer.from("http://other.internal/crl"));
  test.each<[string, ExtensionDer]>([
    ["an issuing distribution point", point()],
    ["for users only", point(yes(1))],
    ["for CAs only", point(yes(2))],
    ["for some reasons", point(primitive(3, Uint8Array.of(6, 0x40)))],
    ["indirect", point(yes(4))],
    ["for attribute certificates only", point(yes(5))],
    ["of another distribution point", point(constructed(0, constructed(0, uri)))],
    ["a delta", extension(oids.deltaCRLIndicator, critical, integer(1))],
  ])("%s, shows nobody not revoked, and revoked whom it names", async (_, partial) => {
    const made = await chain();
    const extensions = [...usualExtensions, partial];
    const others = { extensions, entries: [{ serial: integer(7) }] };
    const whole = forgeCrl(made.issuing);
    for (const crl of [forgeCrl(made.issuing, { extensions }), forgeCrl(made.issuing, others)]) {
      expect(ask(made, [crl])).toEqual(["unusable-crl@0?"]);
      expect(ask(made, [crl, whole])).toEqual(["good", "unchecked", "not-applicable"]);
    }
    const naming = forgeCrl(made.issuing, { extensions, entries: [{ serial: serialOf(made.leaf) }] });
    expect(ask(made, [naming])).toEqual(["revoked@0"]);
    expect(ask(made, [naming, whole])).toEqual(["revoked@0"]);
  });
});

test("a CRL whose authority key identifier is another's shows nobody not revoked, and revoked whom it names", async () => {
  const made = await chain();
  const extensions = usualExtensions;
  expect(ask(made, [forgeCrl(made.issuing, { extensions })])).toEqual(["unusable-crl@0?"]);
  const entries = [{ serial: serialOf(made.leaf) }];
  expect(ask(made, [forgeCrl(made.issuing, { extensions, entries })])).toEqual(["revoked@0"]);
});

describe("a CRL is not read", () => {
  test.each<[string, CrlForgery]>([
    ["without nextUpdate", { nextUpdate: null }],
    ["of version 1", { version: null, extensions: [] }],
    ["of version 3", { version: 2 }],
    ["with an empty list", { entries: [] }],
    ["without extensions", { extensions: [] }],
    ["without a number", { extensions: usualExtensions.slice(0, 1) }],
    ["without an authority key identifier", { extensions: usualExtensions.slice(1) }],
    ["with an extension twice", { extensions: [...usualExtensions, ...usualExtensions] }],
    ["with a removal, which only a delta CRL has", { entries: [{ serial: integer(7), reason: 8 }] }],
    ["with an unknown reason", { entries: [{ serial: integer(7), reason: 7 }] }],
    [
      "with a malformed reason",
      { entries: [{ serial: integer(7), extra: [extension(oids.reasonCode, false, integer(1))] }] },
    ],
  ])("%s", async (_, forgery) => {
    const issuer = await forge({ subject: "issuing", ca: true });
    expect(parseCrl(forgeCrl(issuer), "CRL").revoked.size).toBe(0);
    expect(() => parseCrl(forgeCrl(issuer, forgery), "CRL")).toThrow(
      expect.objectContaining({ code: "input" }),
    );
  });

  test("that is a certificate, or has something behind it", async () => {
    const issuer = await forge({ subject: "issuing", ca: true });
    const surplus = Buffer.concat([forgeCrl(issuer), Uint8Array.of(0)]);
    for (const der of [issuer.certificate.der, surplus]) {
      expect(() => parseCrl(der, "CRL")).toThrow(expect.objectContaining({ code: "input" }));
    }
  });
});

test("a CRL of 100,000 entries is read in under two seconds, and searched", async () => {
  const made = await chain();
  const others = Array.from({ length: 99_999 }, (_, i) => ({ serial: integer(2 ** 40 + i), reason: 4 }));
  const der = forgeCrl(made.issuing, { entries: [...others, { serial: serialOf(made.leaf), reason: 1 }] });
  const spent = cpuStopwatch();
  expect(parseCrl(der, "CRL").revoked.size).toBe(100_000);
  expect(spent()).toBeLessThan(2000);
  expect(ask(made, [der])).toEqual(["revoked@0"]);
});
