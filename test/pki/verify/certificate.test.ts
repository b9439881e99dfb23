import { X509Certificate } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { element, integer, octetString, oid, sequence, setOf } from "../../../src/pki/der/write.ts";
import {
  authorityInfoAccess,
  crlDistributionPoints,
  extension,
  nameConstraints,
  subjectAltName,
} from "../../../src/pki/extensions.ts";
import { encodeName } from "../../../src/pki/name.ts";
import { oids } from "../../../src/pki/oids.ts";
import { encodePem } from "../../../src/pki/pem.ts";
import { type Certificate, parseCertificate } from "../../../src/pki/verify/certificate.ts";
import { parseCrl } from "../../../src/pki/verify/crl.ts";
import { fingerprintOf } from "../../../src/pki/verify/describe.ts";
import { readCertificates, readCrls } from "../../../src/pki/verify/pem.ts";
import { verifyCertificate } from "../../../src/pki/verify/verify.ts";
import { unlessRefused } from "../../support/refusal.ts";
import { cpuStopwatch } from "../../support/cpu.ts";
import { forge, forgeCrl, type Identity, newKey, NOW, serialOf } from "./forge.ts";

/** A leaf with most of the extensions that are read. */
async function rich(issuer?: Identity): Promise<Identity> {
  return forge(
    {
      subject: encodeName([
        { type: "O", value: "acme" },
        { type: "OU", value: "vehicle_agent" },
        { type: "CN", value: "truck-7" },
      ]),
      replace: {
        subjectAltName: subjectAltName([
          { type: "dns", value: "truck-7.fleet.internal" },
          { type: "ip", value: "192.0.2.7" },
          { type: "uri", value: "spiffe://fleet.internal/truck-7" },
          { type: "email", value: "ops@fleet.internal" },
        ]),
      },
      extra: [
        crlDistributionPoints(["http://crl.fleet.internal/1"]),
        authorityInfoAccess({ ocsp: ["http://ocsp.fleet.internal"] }),
        extension(oids.certificatePolicies, false, sequence(sequence(oid("2.5.29.32.0")))),
      ],
    },
    issuer,
  );
}

async function chain() {
  const root = await forge({ subject: "root", ca: true });
  const extra = [nameConstraints({ permitted: [{ type: "dns", value: "fleet.internal" }] })];
  const issuing = await forge({ subject: "issuing", ca: true, extra }, root);
  return { root, issuing, leaf: await rich(issuing) };
}

describe("a certificate reads as node:crypto reads it", () => {
  test.each(["p256", "p384", "ed25519", "rsa2048"] as const)("with a key of %s", async (type) => {
    const { certificate } = await forge({ key: await newKey(type), subject: "näme" });
    const node = new X509Certificate(certificate.der);
    expect(certificate.serial).toBe(node.serialNumber);
    expect(certificate.notBefore).toBe(Date.parse(node.validFrom));
    expect(certificate.notAfter).toBe(Date.parse(node.validTo));
    expect(fingerprintOf(certificate).toUpperCase()).toBe(node.fingerprint256.replaceAll(":", ""));
    expect(Buffer.from(certificate.spki).equals(node.publicKey.export({ type: "spki", format: "der" }))).toBe(
      true,
    );
    expect(node.subject).toBe(`CN=${certificate.subject.rdns[0]?.[0]?.text}`);
    expect(certificate.defects).toEqual([]);
  });

  test("with times from 1950 to 9999", async () => {
    const time = fc.integer({ min: Date.UTC(1950, 0), max: Date.UTC(9999, 11, 31, 23, 59, 59) });
    const key = await newKey();
    await fc.assert(
      fc.asyncProperty(time, async (at) => {
        const second = Math.floor(at / 1000) * 1000;
        const { certificate } = await forge({ key, notBefore: second, notAfter: second });
        expect([certificate.notBefore, certificate.notAfter]).toEqual([second, second]);
      }),
      { numRuns: 50 },
    );
  });
});

describe("no change of a certificate goes unnoticed", () => {
  /** `der` with one bit of one byte turned, for every byte. */
  function* turned(der: Uint8Array): Generator<Uint8Array> {
    for (let at = 0; at < der.length; at += 1) {
      const copy = Uint8Array.from(der);
      copy[at] = (copy[at] ?? 0) ^ (1 << ((at * 5) % 8));
      yield copy;
    }
  }

  test("in any byte of the leaf or of the issuing CA", async () => {
    const { root, issuing, leaf } = await chain();
    const isValid = (certificate: Certificate, intermediate: Certificate) =>
      verifyCertificate({ certificate, intermediates: [intermediate], anchors: [root.certificate], at: NOW })
        .ok;
    expect(isValid(leaf.certificate, issuing.certificate)).toBe(true);
    const accepted = (original: Certificate, judge: (changed: Certificate) => boolean) =>
      [...turned(original.der)].filter((der) => {
        const changed = unlessRefused(() => parseCertificate(der, "changed certificate"));
        return changed !== undefined && judge(changed);
      });
    expect(accepted(leaf.certificate, (changed) => isValid(changed, issuing.certificate))).toEqual([]);
    expect(accepted(issuing.certificate, (changed) => isValid(leaf.certificate, changed))).toEqual([]);
  });

  test("in any byte of a CRL", async () => {
    const { root, issuing, leaf } = await chain();
    const der = forgeCrl(issuing, { entries: [{ serial: integer(7), reason: 1 }] });
    const isGood = (bytes: Uint8Array) => {
      const crl = unlessRefused(() => parseCrl(bytes, "changed CRL"));
      const request = {
        certificate: leaf.certificate,
        intermediates: [issuing.certificate],
        anchors: [root.certificate],
        at: NOW,
      };
      return crl !== undefined && verifyCertificate({ ...request, crls: [crl] }).ok;
    };
    expect(isGood(der)).toBe(true);
    expect([...turned(der)].filter(isGood)).toEqual([]);
  });
});

describe("hostile bytes are refused or read, never anything else", () => {
  const parsers: [string, (bytes: Uint8Array) => unknown][] = [
    ["parseCertificate", (bytes) => parseCertificate(bytes, "certificate")],
    ["parseCrl", (bytes) => parseCrl(bytes, "CRL")],
    ["readCertificates", (bytes) => readCertificates(bytes, "file")],
    ["readCrls", (bytes) => readCrls(bytes, "file")],
  ];

  test.each(parsers)("%s: arbitrary bytes", (_, parse) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(() => unlessRefused(() => parse(bytes))).not.toThrow();
      }),
      { numRuns: 500 },
    );
  });

  test.each(parsers)("%s: cut, repeated and overwritten parts of good ones", async (_, parse) => {
    const { issuing, leaf } = await chain();
    const crl = forgeCrl(issuing, { entries: [{ serial: serialOf(leaf), reason: 1 }] });
    const good = [leaf.certificate.der, issuing.certificate.der, crl];
    const files = [
      ...good,
      ...good.map((der) => Buffer.from(encodePem("CERTIFICATE", der))),
      Buffer.from(encodePem("X509 CRL", crl)),
    ];
    const edit = fc.record({
      file: fc.constantFrom(...files),
      at: fc.nat(),
      length: fc.nat({ max: 12 }),
      insert: fc.uint8Array({ maxLength: 12 }),
    });
    fc.assert(
      fc.property(edit, ({ file, at, length, insert }) => {
        const start = at % file.length;
        const changed = Buffer.concat([file.subarray(0, start), insert, file.subarray(start + length)]);
        expect(() => unlessRefused(() => parse(changed))).not.toThrow();
      }),
      { numRuns: 1000 },
    );
  });

  test.each(parsers)("%s: deep nesting", (_, parse) => {
    let nested: Uint8Array = octetString(Uint8Array.of(1));
    for (let depth = 0; depth < 2000; depth += 1) nested = sequence(nested);
    expect(unlessRefused(() => parse(nested))).toBeUndefined();
  });

  test("deep nesting where anything may stand is passed over", async () => {
    let nested: Uint8Array = octetString(Uint8Array.of(1));
    for (let depth = 0; depth < 20_000; depth += 1) nested = sequence(nested);
    const subject = sequence(setOf(sequence(oid("2.5.4.99"), nested)));
    const spent = cpuStopwatch();
    const { certificate } = await forge({ subject, extra: [extension("1.2.3.4", false, nested)] });
    expect(certificate.subject.rdns).toHaveLength(1);
    expect(spent()).toBeLessThan(2000);
  });

  test("a certificate of more than 256 KiB", async () => {
    const extra = [extension("1.2.3.4", false, new Uint8Array(260 * 1024))];
    await expect(forge({ extra })).rejects.toThrow(expect.objectContaining({ code: "input" }));
  });

  test("the most names that fit are read at once", async () => {
    const names = Array.from(
      { length: 10_000 },
      (_, i) => ({ type: "dns", value: `n${i}.example` }) as const,
    );
    const spent = cpuStopwatch();
    const { certificate } = await forge({ replace: { subjectAltName: subjectAltName(names) } });
    expect(certificate.subjectAltName).toHaveLength(10_000);
    expect(spent()).toBeLessThan(2000);
  });
});

describe("what an extension holds", () => {
  const within = (oidOfExtension: string, value: Uint8Array, critical = false) =>
    forge({ extra: [extension(oidOfExtension, critical, value)] });

  test.each([
    [
      "certificatePolicies, named twice",
      oids.certificatePolicies,
      sequence(sequence(oid("1.2.3")), sequence(oid("1.2.3"))),
    ],
    [
      "certificatePolicies, an unknown qualifier",
      oids.certificatePolicies,
      sequence(sequence(oid("1.2.3"), sequence(sequence(oid("1.2.4"), sequence())))),
    ],
    ["certificatePolicies, none", oids.certificatePolicies, sequence()],
    ["authorityInfoAccess, none", oids.authorityInfoAccess, sequence()],
    ["authorityInfoAccess, no location", oids.authorityInfoAccess, sequence(sequence(oid(oids.ocsp)))],
    ["cRLDistributionPoints, none", oids.cRLDistributionPoints, sequence()],
    ["issuerAltName, none", oids.issuerAltName, sequence()],
  ])("is refused: %s", async (_, id, value) => {
    expect((await within(id, value)).certificate.defects).toMatchObject([{ code: "malformed-extension" }]);
  });

  test.each([
    [
      "certificatePolicies with a statement's address",
      oids.certificatePolicies,
      sequence(
        sequence(
          oid("1.2.3"),
          sequence(sequence(oid(oids.cps), element(0x16, Buffer.from("https://a.example")))),
        ),
      ),
    ],
    [
      "a policy made from a UUID",
      oids.certificatePolicies,
      sequence(sequence(element(0x06, Buffer.from("69839daaf7d3e8a3d1f9e39cc9b6ea87bb9e01", "hex")))),
    ],
    ["issuerAltName", oids.issuerAltName, sequence(element(0x82, Buffer.from("a.example")))],
    ["something nobody knows", "1.2.3.4", Uint8Array.of(0xff)],
  ])("is read: %s", async (_, id, value) => {
    expect((await within(id, value)).certificate.defects).toEqual([]);
  });

  test.each([
    ["a subject alternative name of no kind", sequence()],
    ["an IP address of five octets", sequence(element(0x87, new Uint8Array(5)))],
    ["a DNS name with a NUL", sequence(element(0x82, Buffer.from("a.example\0.evil.org")))],
    ["a DNS name that is not ASCII", sequence(element(0x82, Buffer.from("bücher.example")))],
    ["a URI without a scheme", sequence(element(0x86, Buffer.from("//fleet.internal/a")))],
    ["a URI with a space", sequence(element(0x86, Buffer.from("spiffe://fleet.internal/a b")))],
    ["a mailbox without a host", sequence(element(0x81, Buffer.from("ops")))],
    ["an unknown form", sequence(element(0x8a, Buffer.from("a")))],
  ])("is refused: %s", async (_, value) => {
    const { certificate } = await forge({
      replace: { subjectAltName: extension(oids.subjectAltName, false, value) },
    });
    expect(certificate.defects).toMatchObject([{ code: "malformed-extension" }]);
    expect(certificate.subjectAltName).toBeUndefined();
  });
});
