import { createPrivateKey, X509Certificate } from "node:crypto";
import { keySigner, type Signer } from "../../pki/keys.ts";
import type { NameDer } from "../../pki/name.ts";
import type { Certificate } from "../../pki/verify/certificate.ts";
import type { Identity } from "./identity.ts";

/** A CA whose key we hold. */
export interface SigningCa {
  readonly certificate: Certificate;
  readonly signer: Signer;
  /** What a client sends after its leaf, DER: this CA where it is an intermediate, and those above it. */
  readonly chain: readonly Uint8Array[];
}

/** Who signs, under which name; `chain` follows the leaf. */
export interface Issuer {
  readonly name: NameDer;
  readonly keyId: Uint8Array | undefined;
  readonly signer: Signer;
  readonly chain: readonly Uint8Array[];
}

/** An issuer out of a CA whose key we hold. */
export function issuerOf({ certificate, signer, chain }: SigningCa): Issuer {
  return { name: certificate.subject.der, keyId: subjectKeyIdOf(certificate), signer, chain };
}

/** The valid client itself as an issuer. @throws FleetsecError `input` for a key that cannot sign */
export function issuerFromClient(client: Identity): Issuer {
  const [leaf] = client.chain;
  return {
    name: leaf.subject.der,
    keyId: subjectKeyIdOf(leaf),
    signer: keySigner(createPrivateKey(client.key)),
    chain: client.chain.map(({ der }) => der),
  };
}

/** Whether `ca` signed one of the certificates that the client sends. */
export function hasIssued(ca: Certificate, client: Identity): boolean {
  const { publicKey } = new X509Certificate(ca.der);
  return client.chain.some(
    (certificate) =>
      certificate.issuer.key === ca.subject.key && new X509Certificate(certificate.der).verify(publicKey),
  );
}

/** The key identifier of the issuer, as the certificate names it. */
export function authorityKeyIdOf({ authorityKeyId }: Certificate): Uint8Array | undefined {
  return authorityKeyId?.keyId === undefined ? undefined : Buffer.from(authorityKeyId.keyId, "hex");
}

function subjectKeyIdOf({ subjectKeyId }: Certificate): Uint8Array | undefined {
  return subjectKeyId === undefined ? undefined : Buffer.from(subjectKeyId, "hex");
}
