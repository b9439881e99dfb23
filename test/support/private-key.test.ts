import type { KeyObject } from "node:crypto";
import { expect, test } from "vitest";
import { generateKey } from "../../src/pki/keys.ts";
import { forge, forgeCrl } from "../pki/verify/forge.ts";
import { holdsPrivateKey } from "./private-key.ts";

const pkcs8 = (key: KeyObject) => [
  key.export({ format: "der", type: "pkcs8" }),
  Buffer.from(key.export({ format: "pem", type: "pkcs8" })),
];
const sec1 = (key: KeyObject) => [...pkcs8(key), key.export({ format: "der", type: "sec1" })];
const pkcs1 = (key: KeyObject) => [...pkcs8(key), key.export({ format: "der", type: "pkcs1" })];

test.each([
  ["p256", sec1],
  ["p384", sec1],
  ["ed25519", pkcs8],
  ["rsa3072", pkcs1],
] as const)("a private key %s is found in every form", async (type, forms) => {
  const { privateKey, publicKey } = await generateKey(type);
  for (const bytes of forms(privateKey)) {
    expect(holdsPrivateKey(bytes)).toBe(true);
    expect(holdsPrivateKey(Buffer.concat([Buffer.from("before"), bytes, Buffer.from("behind")]))).toBe(true);
  }
  const ca = await forge({ ca: true, key: privateKey });
  for (const bytes of [publicKey.export({ format: "der", type: "spki" }), ca.certificate.der, forgeCrl(ca)]) {
    expect(holdsPrivateKey(bytes)).toBe(false);
  }
});
