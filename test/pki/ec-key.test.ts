import { createPrivateKey, createPublicKey } from "node:crypto";
import { expect, test } from "vitest";
import { encodeEcKey, newEcKey } from "../../src/pki/ec-key.ts";
import { oids } from "../../src/pki/oids.ts";

test.each(["p256", "p384"] as const)("a new key on %s is encoded as OpenSSL encodes it", (type) => {
  for (let n = 0; n < 10; n += 1) {
    const made = newEcKey(type);
    const key = createPrivateKey(made?.pem ?? "");
    expect(made?.pem).toBe(key.export({ type: "pkcs8", format: "pem" }));
    const spki = Buffer.from(made?.spki ?? []);
    expect(spki).toEqual(createPublicKey(key).export({ type: "spki", format: "der" }));
  }
});

test("a private key that begins with zero bytes keeps them", () => {
  // the private key 1: its public key is the base point of P-256 (FIPS 186-4 section D.1.2.3)
  const point =
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
  const { pem } = encodeEcKey(
    oids.secp256r1,
    Buffer.from("1".padStart(64, "0"), "hex"),
    Buffer.from(point, "hex"),
  );
  expect(createPrivateKey(pem).export({ type: "pkcs8", format: "pem" })).toBe(pem);
});

test("other keys are not made here", () => {
  expect(newEcKey("ed25519")).toBeUndefined();
  expect(newEcKey("rsa3072")).toBeUndefined();
});
