import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { buildCertificate } from "../../../src/pki/certificate.ts";
import { keyIdentifier } from "../../../src/pki/extensions.ts";
import { isKeyOfAny } from "../../../src/pki/issuers/ca-key.ts";
import { certify } from "../../../src/pki/issuers/certify.ts";
import type { Issuer, Service } from "../../../src/pki/issuers/issuer.ts";
import { type Asked, judgeAnswer } from "../../../src/pki/issuers/judge.ts";
import { privateKeyPem, readPrivateKey } from "../../../src/pki/key-file.ts";
import { generateKey, keySigner, publicKeyOf, type Signer } from "../../../src/pki/keys.ts";
import { decodeSinglePem, encodePem } from "../../../src/pki/pem.ts";
import { planIssue } from "../../../src/pki/plan.ts";
import { issuingProfile, leafProfile } from "../../../src/pki/profiles.ts";
import { parseCertificate } from "../../../src/pki/verify/certificate.ts";
import { testAuthority as loneRoot } from "../../support/authority.ts";
import { movablePlatform, testAuthority, testRole, testSettings } from "../../support/pki.ts";

const platform = movablePlatform();
const now = platform.clock.now();
const newSigner = async () => keySigner((await generateKey("p256")).privateKey);
const plan = planIssue({ name: "truck-1", role: testRole }, testSettings, undefined, now);
const certifying = (issuer: Issuer, spki: Uint8Array) =>
  certify(platform, issuer, testSettings, plan, { spki, csr: () => Promise.resolve("CSR") });

describe("the key of a CA", () => {
  test("is certified by no path of the project's own CA", async () => {
    const authority = await testAuthority(platform);
    const { root, issuing } = authority.current;
    for (const { spki } of [root, issuing]) {
      await expect(certifying(authority, spki)).rejects.toMatchObject({ code: "refused" });
    }
    expect((await certifying(authority, (await newSigner()).spki)).record.name).toBe("truck-1");
  });

  test("is not sent to a service whose root it is of", async () => {
    const { certificate, signer } = await loneRoot();
    const { stateDirectory, layout, inventory } = await testAuthority(platform);
    let asked = 0;
    const service: Service = {
      stateDirectory,
      layout,
      inventory,
      kind: "vault",
      anchors: [read(certificate)],
      certify: () => Promise.reject(new Error(`asked ${(asked += 1)}`)),
      revoke: () => Promise.resolve(),
      crl: () => Promise.resolve(undefined),
    };
    await expect(certifying(service, signer.spki)).rejects.toMatchObject({ code: "refused" });
    expect(asked).toBe(0);
    await expect(certifying(service, (await newSigner()).spki)).rejects.toThrow("asked 1");
  });

  test("is not taken from a service whose intermediate it is of", async () => {
    const root = await loneRoot();
    const intermediate = await newSigner();
    const der = await buildCertificate(
      issuingProfile({
        random: randomBytes,
        now,
        organization: "acme",
        ttl: 86_400 / 2,
        spki: intermediate.spki,
        issuer: { subject: root.name, keyId: keyIdentifier(root.signer.spki) },
        permitted: undefined,
      }),
      root.signer,
    );
    const above = parseCertificate(der, "intermediate");
    const answer = async ({ spki }: Signer): Promise<readonly [string, Asked]> => {
      const shorter = { ...plan, ttl: 3600 };
      const leaf = await buildCertificate(
        leafProfile({
          random: randomBytes,
          now,
          ttl: 3600,
          spki,
          keyType: "p256",
          organization: "acme",
          issuer: { subject: above.subject.der, keyId: keyIdentifier(intermediate.spki) },
          commonName: plan.name,
          applicationRoles: testRole.applicationRoles,
          usages: ["client"],
          names: plan.names,
        }),
        intermediate,
      );
      const pem = [leaf, der].map((one) => encodePem("CERTIFICATE", one)).join("");
      const anchors = [read(root.certificate)];
      return [pem, { service: "step-ca", plan: shorter, spki, anchors, asked: now, answered: now }];
    };
    const control = judgeAnswer(...(await answer(await newSigner())));
    expect(control.chain.map(({ serial }) => serial)).toEqual([above.serial]);
    const forged = await answer(intermediate);
    expect(() => judgeAnswer(...forged)).toThrow("for the key of the CA above it");
  });

  test.each(["ed25519", "rsa3072"] as const)("is compared with one of type %s", async (type) => {
    const { current } = await testAuthority(platform);
    const { privateKey } = await generateKey(type);
    expect(isKeyOfAny(keySigner(privateKey).spki, [current.issuing])).toBe(false);
    // and the next key that is read, in whatever way, is not blamed for it
    const pem = privateKeyPem(privateKey);
    expect(readPrivateKey(pem, "key.pem").asymmetricKeyType).toBe(privateKey.asymmetricKeyType);
  });

  test("is known in whichever way it is encoded", async () => {
    const { current } = await testAuthority(platform);
    const { issuing } = current;
    const { x = "", y = "" } = publicKeyOf(issuing.spki).export({ format: "jwk" });
    const sign = Buffer.from(y, "base64url").at(-1) ?? 0;
    const point = Buffer.concat([Buffer.of(2 + (sign & 1)), Buffer.from(x, "base64url")]);
    const header = Buffer.from("3039301306072a8648ce3d020106082a8648ce3d030107032200", "hex");
    const compressed = Buffer.concat([header, point]);
    expect(isKeyOfAny(compressed, [issuing])).toBe(true);
    expect(isKeyOfAny((await newSigner()).spki, [issuing])).toBe(false);
  });
});

function read(pem: string) {
  return parseCertificate(decodeSinglePem(pem, "root", ["CERTIFICATE"]).der, "root");
}
