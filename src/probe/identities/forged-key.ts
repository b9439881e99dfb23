import { createPrivateKey, type KeyObject } from "node:crypto";
import { privateKeyPem } from "../../pki/key-file.ts";
import { type AnyKeyType, generateKey, keySigner, keyTypeOf, type Signer } from "../../pki/keys.ts";
import { keyFamilies, type KeyFamily } from "../key-family.ts";
import type { Identity } from "./identity.ts";

/** A key of our own, in the forms in which it is used. */
export interface ForgedKey {
  readonly key: KeyObject;
  readonly signer: Signer;
  readonly pem: string;
}

export const keyTypes: Readonly<Record<KeyFamily, AnyKeyType>> = {
  p256: "p256",
  p384: "p384",
  p521: "p521",
  rsa: "rsa2048",
  ed25519: "ed25519",
};

export async function newKey(type: AnyKeyType): Promise<ForgedKey> {
  const { privateKey } = await generateKey(type);
  return { key: privateKey, signer: keySigner(privateKey), pem: privateKeyPem(privateKey) };
}

/** Undefined for a kind of key that we do not forge. */
export function familyOf(client: Identity): KeyFamily | undefined {
  const type = keyTypeOf(createPrivateKey(client.key));
  return type.startsWith("rsa") ? "rsa" : keyFamilies.find((family) => family === type);
}
