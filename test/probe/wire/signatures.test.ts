import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { describe, expect, test } from "vitest";
import { allSchemes, fits, schemeOf, type SigningKey, signingKeys } from "../../../src/probe/wire/schemes.ts";
import { kindOf, sign, verify } from "../../../src/probe/wire/signatures.ts";

const pairs: Readonly<Record<SigningKey, { publicKey: KeyObject; privateKey: KeyObject }>> = {
  p256: generateKeyPairSync("ec", { namedCurve: "prime256v1" }),
  p384: generateKeyPairSync("ec", { namedCurve: "secp384r1" }),
  p521: generateKeyPairSync("ec", { namedCurve: "secp521r1" }),
  rsa: generateKeyPairSync("rsa", { modulusLength: 2048 }),
  "rsa-pss": generateKeyPairSync("rsa-pss", { modulusLength: 2048 }),
  ed25519: generateKeyPairSync("ed25519"),
  ed448: generateKeyPairSync("ed448"),
};
const data = Buffer.from("a handshake");

const combinations = allSchemes.flatMap((code) =>
  (schemeOf(code)?.keys ?? []).map((kind) => [code.toString(16), kind, code] as const),
);

describe("signatures", () => {
  test.each(combinations)("scheme %s with a key of %s verifies, and only as it was made", (_, kind, code) => {
    const { privateKey, publicKey } = pairs[kind];
    const signature = sign(code, privateKey, data);
    expect(verify(code, publicKey, data, signature)).toBe(true);
    expect(verify(code, publicKey, Buffer.from("another"), signature)).toBe(false);
    const flipped = Uint8Array.from(signature);
    flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;
    expect(verify(code, publicKey, data, flipped)).toBe(false);
    expect(verify(code, publicKey, data, new Uint8Array())).toBe(false);
  });

  test("a signature under another scheme, or by a key of another kind, is not one", () => {
    const signature = sign(0x0804, pairs.rsa.privateKey, data);
    expect(verify(0x0401, pairs.rsa.publicKey, data, signature)).toBe(false);
    expect(verify(0x0805, pairs.rsa.publicKey, data, signature)).toBe(false);
    expect(verify(0x0809, pairs.rsa.publicKey, data, signature)).toBe(false);
    expect(verify(0x0804, pairs.p256.publicKey, data, signature)).toBe(false);
    expect(verify(0xfefe, pairs.rsa.publicKey, data, signature)).toBe(false);
  });

  test("a scheme that nobody knows cannot sign", () => {
    expect(() => sign(0xfefe, pairs.rsa.privateKey, data)).toThrow(RangeError);
  });

  test("keys are told apart", () => {
    for (const kind of signingKeys) expect(kindOf(pairs[kind].publicKey)).toBe(kind);
    expect(kindOf(generateKeyPairSync("x25519").publicKey)).toBeUndefined();
    expect(kindOf(generateKeyPairSync("ec", { namedCurve: "secp256k1" }).publicKey)).toBeUndefined();
  });
});

describe("what a version allows", () => {
  test("TLS 1.3 binds ECDSA to its curve, TLS 1.2 does not", () => {
    expect(fits(0x0403, "p256", "1.3")).toBe(true);
    expect(fits(0x0503, "p256", "1.3")).toBe(false);
    expect(fits(0x0503, "p256", "1.2")).toBe(true);
  });

  test("TLS 1.3 has no PKCS #1 v1.5 and no SHA-1", () => {
    expect(fits(0x0401, "rsa", "1.2")).toBe(true);
    expect(fits(0x0401, "rsa", "1.3")).toBe(false);
    expect(fits(0x0203, "p256", "1.2")).toBe(true);
    expect(fits(0x0203, "p256", "1.3")).toBe(false);
  });
});
