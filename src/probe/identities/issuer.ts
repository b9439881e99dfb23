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
  /** This CA and all that are known above it, DER, the root too. */
  readonly path: readonly Uint8Array[];
}

/** Who signs, under which name; `chain` follows the leaf. */
export interface Issuer {
  readonly name: NameDer;
  readonly keyId: Uint8Array | undefined;
  /** Of its certificate, big-endian; undefined where that has none. */
  readonly serial: Uint8Array | undefined;
  readonly signer: Signer;
  readonly chain: readonly Uint8Array[];
}

/** An issuer out of a CA whose key we hold. */
export function issuerOf({ certificate, signer, chain }: SigningCa): Issuer {
  return {
    name: certificate.subject.der,
    keyId: subjectKeyIdOf(certificate),
    serial: hexOf(certificate.serial),
    signer,
    chain,
  };
}

/** The valid client itself as an issuer. @throws FleetsecError `input` for a key that cannot sign */
export function issuerFromClient(client: Identity): Issuer {
  const [leaf] = client.chain;
  return {
    name: leaf.subject.der,
    keyId: subjectKeyIdOf(leaf),
    serial: hexOf(leaf.serial),
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

/** The issuer's key identifier and serial number, as the certificate names them. */
export function namedIssuerOf({ authorityKeyId }: Certificate): Pick<Issuer, "keyId" | "serial"> {
  const bytesOf = (text: string | undefined) => (text === undefined ? undefined : hexOf(text));
  return { keyId: bytesOf(authorityKeyId?.keyId), serial: bytesOf(authorityKeyId?.serial) };
}

function subjectKeyIdOf({ subjectKeyId }: Certificate): Uint8Array | undefined {
  return subjectKeyId === undefined ? undefined : hexOf(subjectKeyId);
}

const hexOf = (text: string): Uint8Array => Buffer.from(text, "hex");
