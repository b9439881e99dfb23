import { generateKeyPairSync, randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { integer, nullValue, octetString, oid, sequence } from "../../src/pki/der/write.ts";
import { encryptedKeyPem, privateKeyPem, readPrivateKey } from "../../src/pki/key-file.ts";
import { generateKey, spkiOf } from "../../src/pki/keys.ts";
import { oids } from "../../src/pki/oids.ts";
import { encodePem } from "../../src/pki/pem.ts";
import { cpuStopwatch } from "../support/cpu.ts";

const random = (length: number) => randomBytes(length);
const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const failsWith = (code: string) => expect.objectContaining({ code }) as Error;

describe("encrypted keys", () => {
  test("use PBKDF2-HMAC-SHA256 with 600,000 iterations unless told, and read back", async () => {
    const pem = await encryptedKeyPem(privateKey, "correct horse", { random });
    expect(pem).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/);
    const der = Buffer.from(pem.split("\n").slice(1, -2).join(""), "base64");
    expect(der.includes(Buffer.from(integer(600_000)))).toBe(true);
    expect(readPrivateKey(pem, "k", "correct horse").equals(privateKey)).toBe(true);
  });

  test.each(["p256", "p384", "ed25519", "rsa2048"] as const)("of type %s read back", async (type) => {
    const { privateKey: key } = await generateKey(type);
    const pem = await encryptedKeyPem(key, "påss 🔑", { random, iterations: 1000 });
    expect(readPrivateKey(pem, "k", "påss 🔑").equals(key)).toBe(true);
  });

  test("need the right passphrase", async () => {
    const pem = await encryptedKeyPem(privateKey, "a", { random, iterations: 1000 });
    expect(() => readPrivateKey(pem, "k")).toThrow(failsWith("passphrase"));
    expect(() => readPrivateKey(pem, "k", "b")).toThrow(failsWith("passphrase"));
    expect(() => readPrivateKey(pem, "k", "")).toThrow(failsWith("passphrase"));
  });

  test("of others are read where their cost is bounded", () => {
    const foreign = privateKey.export({
      type: "pkcs8",
      format: "pem",
      cipher: "aes-128-cbc",
      passphrase: "p",
    });
    expect(readPrivateKey(foreign as string, "k", "p").equals(privateKey)).toBe(true);
  });

  const protectedBy = (derivation: Uint8Array) =>
    encodePem(
      "ENCRYPTED PRIVATE KEY",
      sequence(
        sequence(
          oid(oids.pbes2),
          sequence(derivation, sequence(oid(oids.aes256Cbc), octetString(new Uint8Array(16)))),
        ),
        octetString(new Uint8Array(64)),
      ),
    );
  const salt = octetString(new Uint8Array(8));

  test.each([
    ["PBKDF2 with a billion iterations", sequence(oid(oids.pbkdf2), sequence(salt, integer(1e9)))],
    [
      "scrypt with a gigabyte",
      sequence(oid(oids.scrypt), sequence(salt, integer(2 ** 20), integer(8), integer(1))),
    ],
    ["an unknown derivation", sequence(oid("1.2.3"), sequence(salt))],
  ])("%s is refused before it costs anything", (_, derivation) => {
    const spent = cpuStopwatch();
    expect(() => readPrivateKey(protectedBy(derivation), "k", "p")).toThrow(failsWith("input"));
    expect(spent()).toBeLessThan(500);
  });

  test("an algorithm other than PBES2 is refused", () => {
    const pem = encodePem(
      "ENCRYPTED PRIVATE KEY",
      sequence(sequence(oid("1.2.840.113549.1.5.3"), nullValue()), octetString(new Uint8Array(8))),
    );
    expect(() => readPrivateKey(pem, "k", "p")).toThrow(failsWith("input"));
  });
});

describe("plain keys", () => {
  test("are read as PKCS #8, SEC 1 and PKCS #1", () => {
    const rsa = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey;
    expect(spkiOf(readPrivateKey(privateKeyPem(privateKey), "k"))).toEqual(spkiOf(privateKey));
    const sec1 = privateKey.export({ type: "sec1", format: "pem" }) as string;
    expect(readPrivateKey(sec1, "k").equals(privateKey)).toBe(true);
    const parameters = encodePem("EC PARAMETERS", oid("1.2.840.10045.3.1.7"));
    expect(readPrivateKey(parameters + sec1, "k").equals(privateKey)).toBe(true);
    const pkcs1 = rsa.export({ type: "pkcs1", format: "pem" }) as string;
    expect(readPrivateKey(pkcs1, "k").equals(rsa)).toBe(true);
  });

  test.each([
    ["a certificate", encodePem("CERTIFICATE", sequence())],
    ["an empty sequence", encodePem("PRIVATE KEY", sequence())],
    ["an encrypted one cut short", encodePem("ENCRYPTED PRIVATE KEY", Uint8Array.of(0x30, 5))],
  ])("%s is refused", (_, pem) => {
    expect(() => readPrivateKey(pem, "k", "p")).toThrow(failsWith("input"));
  });
});
