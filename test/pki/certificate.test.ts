import { createHash, randomBytes, X509Certificate } from "node:crypto";
import { AsnConvert } from "@peculiar/asn1-schema";
import { Certificate } from "@peculiar/asn1-x509";
import { describe, expect, test } from "vitest";
import { buildCertificate, formatSerial, randomSerial } from "../../src/pki/certificate.ts";
import {
  authorityInfoAccess,
  authorityKeyIdentifier,
  basicConstraints,
  crlDistributionPoints,
  extendedKeyUsage,
  keyIdentifier,
  keyUsage,
  nameConstraints,
  subjectAltName,
  subjectKeyIdentifier,
} from "../../src/pki/extensions.ts";
import { type AnyKeyType, generateKey, type Hash, keySigner, publicKeyOf } from "../../src/pki/keys.ts";
import { encodeName } from "../../src/pki/name.ts";
import { oids } from "../../src/pki/oids.ts";

const name = encodeName([
  { type: "O", value: "Fleet" },
  { type: "CN", value: "Test, CA" },
]);
const from = Date.UTC(2026, 0, 1);
const DAY = 86_400_000;

async function selfSigned(type: AnyKeyType, hash?: Hash): Promise<X509Certificate> {
  const { privateKey } = await generateKey(type);
  const signer = keySigner(privateKey);
  const keyId = keyIdentifier(signer.spki);
  const der = await buildCertificate(
    {
      serial: randomSerial((length) => randomBytes(length)),
      issuer: name,
      subject: name,
      notBefore: from,
      notAfter: from + DAY,
      spki: signer.spki,
      extensions: [
        basicConstraints({ ca: true, pathLength: 1 }),
        keyUsage(["keyCertSign", "cRLSign"]),
        extendedKeyUsage([oids.clientAuth, oids.serverAuth]),
        subjectAltName([
          { type: "dns", value: "a.example" },
          { type: "ip", value: "::1" },
          { type: "uri", value: "spiffe://example/a" },
        ]),
        subjectKeyIdentifier(keyId),
        authorityKeyIdentifier(keyId),
        nameConstraints({
          permitted: [{ type: "dns", value: "example" }],
          excluded: [{ type: "ip-range", value: "0.0.0.0/0" }],
        }),
        crlDistributionPoints(["http://crl.example/1"]),
        authorityInfoAccess({ ocsp: ["http://ocsp.example"], caIssuers: ["http://ca.example/ca.crt"] }),
      ],
      ...(hash === undefined ? {} : { hash }),
    },
    signer,
  );
  return new X509Certificate(der);
}

describe("certificates", () => {
  test.each(["p256", "p384", "p521", "ed25519", "rsa1024", "rsa3072"] as const)(
    "by a %s key verify",
    async (type) => {
      const certificate = await selfSigned(type);
      expect(certificate.verify(certificate.publicKey)).toBe(true);
      expect(certificate.checkIssued(certificate)).toBe(true);
      expect(certificate.ca).toBe(true);
      expect(certificate.subject).toBe("O=Fleet\nCN=Test\\, CA");
      expect(certificate.subjectAltName).toBe(
        "DNS:a.example, IP Address:0:0:0:0:0:0:0:1, URI:spiffe://example/a",
      );
      expect(certificate.infoAccess?.trimEnd()).toBe(
        "OCSP - URI:http://ocsp.example\nCA Issuers - URI:http://ca.example/ca.crt",
      );
      expect(Date.parse(certificate.validFrom)).toBe(from);
      expect(Date.parse(certificate.validTo)).toBe(from + DAY);
    },
  );

  test("are signed with the key's own hash unless told otherwise", async () => {
    const algorithmOf = async (type: AnyKeyType, hash?: Hash) => {
      const { raw } = await selfSigned(type, hash);
      return AsnConvert.parse(raw, Certificate).signatureAlgorithm.algorithm;
    };
    expect(await algorithmOf("p256")).toBe(oids.ecdsaWithSHA256);
    expect(await algorithmOf("p384")).toBe(oids.ecdsaWithSHA384);
    expect(await algorithmOf("rsa2048", "sha1")).toBe(oids.sha1WithRSAEncryption);
    expect(await algorithmOf("p256", "sha1")).toBe(oids.ecdsaWithSHA1);
  });

  test("have serial numbers of 159 bits that print as OpenSSL prints them", async () => {
    const certificate = await selfSigned("p256");
    expect(certificate.serialNumber).toMatch(/^[0-9A-F]{2,40}$/);
    expect(formatSerial(Uint8Array.of(0, 0, 0x0a, 0xbc))).toBe("0ABC");
    expect(randomSerial((length) => new Uint8Array(length).fill(0xff))[0]).toBe(0x7f);
    const answers = [new Uint8Array(20), new Uint8Array(20).fill(1)];
    expect(randomSerial(() => answers.shift() ?? new Uint8Array(20)).every((byte) => byte === 1)).toBe(true);
  });

  test("the key identifier is RFC 7093's method 1", async () => {
    const { publicKey } = await generateKey("p256");
    const spki = publicKey.export({ type: "spki", format: "der" });
    const point = spki.subarray(-65);
    expect(keyIdentifier(spki)).toEqual(createHash("sha256").update(point).digest().subarray(0, 20));
  });

  test("a public key that is none is refused", () => {
    expect(() => publicKeyOf(Uint8Array.of(0x30, 0))).toThrow(
      expect.objectContaining({ code: "input" }) as Error,
    );
  });
});
