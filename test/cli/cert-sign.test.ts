import "reflect-metadata";
import { execFileSync } from "node:child_process";
import { createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Crypto } from "@peculiar/webcrypto";
import {
  BasicConstraintsExtension,
  type Extension,
  ExtendedKeyUsageExtension,
  type JsonName,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
} from "@peculiar/x509";
import { describe, expect, test } from "vitest";
import { buildCsr } from "../../src/pki/build-csr.ts";
import { bitString, constructed, integer, sequence } from "../../src/pki/der/write.ts";
import { keySigner, spkiOf } from "../../src/pki/keys.ts";
import { encodeName } from "../../src/pki/name.ts";
import { encodePem } from "../../src/pki/pem.ts";
import { signatureAlgorithm } from "../../src/pki/signature-algorithm.ts";
import { testProject } from "../support/project.ts";
import { schemaErrors } from "../support/schema.ts";

const crypto = new Crypto();
const P256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const refusal = (code: string) => ({ exit: 2, code, changed: false });

interface CsrOptions {
  readonly name?: JsonName;
  readonly extensions?: Extension[];
  readonly algorithm?: { readonly name: string };
}

async function csrDer({ name = [{ CN: ["truck-1"] }], extensions = [], algorithm = P256 }: CsrOptions = {}) {
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const request = { name, keys, extensions, signingAlgorithm: algorithm };
  const csr = await Pkcs10CertificateRequestGenerator.create(request, crypto);
  return { der: new Uint8Array(csr.rawData), spki: new Uint8Array(csr.publicKey.rawData) };
}

async function withCsr(options: CsrOptions = {}, tamper: (der: Uint8Array) => Uint8Array = (der) => der) {
  const project = testProject();
  await project.run(["ca", "init", "--insecure-dev-key"]);
  const { der, spki } = await csrDer(options);
  writeFileSync(join(project.directory, "a.csr"), encodePem("CERTIFICATE REQUEST", tamper(der)));
  return { ...project, spki };
}

const SIGN = ["cert", "sign", "a.csr", "--role", "fleet-edge"];

describe("cert sign", () => {
  test("certifies the key of the CSR, and keeps no key", async () => {
    const project = await withCsr();
    const { code, document, stderr } = await project.json(SIGN);
    expect([code, schemaErrors(document), stderr]).toEqual([0, [], ""]);
    const certificate = new X509Certificate(document.certificate);
    expect(spkiOf(certificate.publicKey)).toEqual(Buffer.from(project.spki));
    expect(certificate.subject).toBe("O=acme\nOU=vehicle_agent\nCN=truck-1");
    expect(project.files().filter((path) => /certs.*(key|bundle)/.test(path))).toEqual([]);
  });

  test.each([
    ["Ed25519", { name: "Ed25519" }],
    ["P-384", { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" }],
    [
      "RSA-3072",
      {
        name: "RSASSA-PKCS1-v1_5",
        modulusLength: 3072,
        publicExponent: Uint8Array.of(1, 0, 1),
        hash: "SHA-256",
      },
    ],
  ])("takes a key of type %s", async (_, algorithm) => {
    const project = await withCsr({ algorithm });
    const { code, document } = await project.json(SIGN);
    expect(code).toBe(0);
    expect(spkiOf(new X509Certificate(document.certificate).publicKey)).toEqual(Buffer.from(project.spki));
  });

  test.each([
    ["ECDSA", { name: "ECDSA", namedCurve: "P-256" }],
    ["RSA", { name: "RSASSA-PKCS1-v1_5", modulusLength: 3072, publicExponent: Uint8Array.of(1, 0, 1) }],
  ])("refuses proof of possession by %s with SHA-1, and takes it with SHA-2", async (name, key) => {
    const signed = (hash: string) => ({ algorithm: { ...key, hash } });
    const weak = await withCsr(signed("SHA-1"));
    expect(await weak.attempt(SIGN)).toMatchObject({
      ...refusal("input"),
      text: expect.stringContaining(`is signed with ${name} with SHA-1, which is not accepted`),
    });
    for (const hash of ["SHA-256", "SHA-512"])
      expect((await (await withCsr(signed(hash))).run(SIGN)).code).toBe(0);
  });

  test.each(["root-key.pem", "issuing-key.pem"])("refuses the CA's own key: %s", async (file) => {
    const project = testProject();
    await project.run(["ca", "init", "--insecure-dev-key"]);
    const write = async (key: KeyObject) => {
      const csr = await buildCsr({ commonName: "truck-1", names: [] }, keySigner(key));
      writeFileSync(join(project.directory, "a.csr"), csr);
    };
    await write(createPrivateKey(readFileSync(join(project.directory, ".fleetsec/ca/1", file))));
    expect(await project.attempt(SIGN)).toMatchObject({
      ...refusal("refused"),
      text: expect.stringContaining("a CA"),
    });
    await write(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
    expect((await project.run(SIGN)).code).toBe(0);
  });

  test("takes only the names that the role allows, and reports the rest", async () => {
    const project = await withCsr({
      name: [{ CN: ["truck-1"] }, { O: ["Admin"] }, { OU: ["carrier_dispatch"] }],
      extensions: [
        new BasicConstraintsExtension(true, 3, true),
        new ExtendedKeyUsageExtension(["1.3.6.1.5.5.7.3.1"]),
        new SubjectAlternativeNameExtension([
          { type: "dns", value: "north.fleet.internal" },
          { type: "dns", value: "bank.example" },
          { type: "ip", value: "10.0.0.1" },
          { type: "email", value: "root@fleet.internal" },
          { type: "dns", value: "*.fleet.internal" },
        ]),
      ],
    });
    const { document, stderr } = await project.json(SIGN);
    const certificate = new X509Certificate(document.certificate);
    expect(certificate.subject).toBe("O=acme\nOU=vehicle_agent\nCN=truck-1");
    expect(certificate.ca).toBe(false);
    expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
    expect(certificate.subjectAltName).toBe(
      "DNS:truck-1.fleet.internal, DNS:north.fleet.internal, URI:spiffe://fleet.internal/fleet-edge/truck-1",
    );
    expect(document.dropped.sort()).toEqual(
      [
        "subject O=Admin",
        "subject OU=carrier_dispatch",
        "extension basicConstraints",
        "extension extKeyUsage",
        "dns:bank.example",
        "dns:*.fleet.internal",
        "ip:10.0.0.1",
        "email:root@fleet.internal",
      ].sort(),
    );
    expect(stderr.match(/left out/g)).toHaveLength(8);
  });

  test("prints PEM, or writes it to --out and says so", async () => {
    const project = await withCsr();
    const printed = await project.run(SIGN);
    expect(printed.stdout.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    const written = await project.run([...SIGN, "--out", "a.pem", "--ttl", "1h", "--name", "truck-2"]);
    expect(written.stdout).toContain("issued truck-2\n");
    const certificate = new X509Certificate(readFileSync(join(project.directory, "a.pem")));
    expect(certificate.subject).toContain("CN=truck-2");
    expect(Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)).toBe(3_660_000);
  });

  test("can be renewed for the same key, and not with another", async () => {
    const project = await withCsr();
    await project.run(SIGN);
    const renewed = await project.json(["cert", "renew", "truck-1", "--force"]);
    expect(renewed.code).toBe(0);
    const certificate = new X509Certificate(readFileSync(renewed.document.files.cert));
    expect(spkiOf(certificate.publicKey)).toEqual(Buffer.from(project.spki));
    expect(await project.attempt(["cert", "renew", "truck-1", "--force", "--rekey"])).toMatchObject(
      refusal("refused"),
    );
  });

  test("does not part a key that is kept from its certificate", async () => {
    const project = await withCsr();
    await project.run(["cert", "issue", "truck-1", "--role", "fleet-edge"]);
    expect(await project.attempt(SIGN)).toMatchObject(refusal("exists"));
    expect((await project.run([...SIGN, "--name", "truck-2"])).code).toBe(0);
  });

  const flip = (from: number) => (der: Uint8Array) => der.with(der.length - from, (der.at(-from) ?? 0) ^ 1);

  test.each([
    ["a signature that is not by its key", flip(5)],
    ["a request that was changed after it was signed", (der: Uint8Array) => der.with(20, (der[20] ?? 0) ^ 1)],
    ["a request that is cut short", (der: Uint8Array) => der.subarray(0, 60)],
    ["a request with bytes after it", (der: Uint8Array) => Buffer.concat([der, Buffer.from("x")])],
    ["an empty sequence", () => Uint8Array.of(0x30, 0)],
    ["noise", () => Buffer.from("noise, noise, noise")],
  ])("refuses %s", async (_, tamper) => {
    const project = await withCsr({}, tamper);
    expect(await project.attempt(SIGN)).toMatchObject(refusal("input"));
  });

  test.each([
    [
      "a weak key",
      {
        algorithm: {
          name: "RSASSA-PKCS1-v1_5",
          modulusLength: 2048,
          publicExponent: Uint8Array.of(1, 0, 1),
          hash: "SHA-256",
        },
      },
      "refused",
    ],
    ["no common name", { name: [{ O: ["acme"] }] }, "usage"],
    ["an injection in the common name", { name: [{ CN: ["x, O=Admin"] }] }, "usage"],
    ["a path in the common name", { name: [{ CN: ["../../etc/cron.d/x"] }] }, "usage"],
  ])("refuses %s", async (_, options, code) => {
    const project = await withCsr(options);
    expect(await project.attempt(SIGN)).toMatchObject(refusal(code));
  });

  test("refuses RSA with the public exponent 3", async () => {
    const project = await withCsr();
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 3072, publicExponent: 3 });
    const signer = keySigner(privateKey);
    const info = sequence(
      integer(0),
      encodeName([{ type: "CN", value: "truck-1" }]),
      signer.spki,
      constructed(0),
    );
    const algorithm = signatureAlgorithm(signer.keyType, "sha256");
    const der = sequence(info, algorithm, bitString(await signer.sign(info)));
    writeFileSync(join(project.directory, "a.csr"), encodePem("CERTIFICATE REQUEST", der));
    expect(await project.attempt(SIGN)).toMatchObject({
      ...refusal("input"),
      text: expect.stringContaining("exponent"),
    });
  });

  test("refuses a key that is a compressed point, and takes the same uncompressed", async () => {
    const project = await withCsr();
    const key = join(project.directory, "k.pem");
    execFileSync("openssl", ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key]);
    const request = (form: string) => {
      execFileSync("openssl", ["ec", "-in", key, "-conv_form", form, "-out", key], { stdio: "ignore" });
      const csr = ["req", "-new", "-key", key, "-subj", "/CN=truck-1", "-out", "a.csr"];
      execFileSync("openssl", csr, { cwd: project.directory });
    };
    request("compressed");
    expect(await project.attempt(SIGN)).toMatchObject({
      ...refusal("input"),
      text: expect.stringContaining("-conv_form uncompressed"),
    });
    request("uncompressed");
    const { code } = await project.run([...SIGN, "--out", "c.pem"]);
    expect([code, (await project.run(["cert", "verify", "c.pem"])).code]).toEqual([0, 0]);
  });

  test("says how a request in DER is turned into PEM", async () => {
    const project = await withCsr();
    writeFileSync(join(project.directory, "a.csr"), (await csrDer()).der);
    expect(await project.attempt(SIGN)).toMatchObject({
      ...refusal("input"),
      text: expect.stringContaining("openssl req -inform DER"),
    });
  });

  test("refuses what is no PEM file of a request", async () => {
    const project = await withCsr();
    const put = (data: string | Uint8Array) => writeFileSync(join(project.directory, "a.csr"), data);
    mkdirSync(join(project.directory, "directory"));
    const sign = (path: string) => project.attempt(["cert", "sign", path, "--role", "fleet-edge"]);
    expect(await sign("directory")).toMatchObject(refusal("input"));
    expect(await sign("none.csr")).toMatchObject(refusal("not-found"));
    expect(await sign("fleetsec.yaml")).toMatchObject(refusal("input"));
    for (const data of [
      "",
      "-----BEGIN CERTIFICATE REQUEST-----\nMIIB",
      Uint8Array.of(0xff, 0xfe, 0xfd),
      "x".repeat(2 << 20),
    ]) {
      put(data);
      expect(await sign("a.csr")).toMatchObject(refusal("input"));
    }
  });

  test("issues nothing that could not be written to --out", async () => {
    const project = await withCsr();
    expect(await project.attempt([...SIGN, "--out", "."])).toMatchObject(refusal("usage"));
    expect(await project.attempt([...SIGN, "--out", "none/a.pem"])).toMatchObject(refusal("usage"));
  });

  test("refuses a lifetime and a name by the role's rules", async () => {
    const project = await withCsr();
    expect(await project.attempt([...SIGN, "--ttl", "100h"])).toMatchObject(refusal("refused"));
    expect(await project.attempt([...SIGN, "--ttl", "0h"])).toMatchObject(refusal("usage"));
    expect(await project.attempt([...SIGN, "--name", "../x"])).toMatchObject(refusal("usage"));
    expect((await project.run(SIGN)).code).toBe(0);
  });
});
