import { buildCertificate, randomSerial } from "../../pki/certificate.ts";
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  extension,
  type ExtensionDer,
  keyIdentifier,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from "../../pki/extensions.ts";
import type { AnyKeyType, Hash, Signer } from "../../pki/keys.ts";
import { encodeName, type NameDer } from "../../pki/name.ts";
import { oids } from "../../pki/oids.ts";
import type { Certificate } from "../../pki/verify/certificate.ts";
import type { KeyFamily } from "../key-family.ts";
import type { Issuer } from "./issuer.ts";

/** Whom certificates are issued to: all that a valid client's says, and that anyone can copy. */
export interface ClientNames {
  readonly subject: NameDer;
  readonly subjectAltName: ExtensionDer;
  /** Big-endian; some services know clients by it. Undefined where there is none to copy. */
  readonly serial: Uint8Array | undefined;
  /** The subject key identifier: a claim as any other. */
  readonly keyId: Uint8Array | undefined;
}

/** Those of a valid client; of nobody in particular where there is none. */
export function namesOf(client: Certificate | undefined): ClientNames {
  const names = client?.extensions.find(({ oid }) => oid === oids.subjectAltName);
  return {
    subject: client?.subject.der ?? encodeName([{ type: "CN", value: "fleetsec-probe" }]),
    subjectAltName:
      names === undefined
        ? subjectAltName([{ type: "dns", value: "fleetsec-probe" }])
        : extension(oids.subjectAltName, names.critical, names.value),
    // a negative one, which is faulty, has a minus
    serial: client === undefined || client.serial.startsWith("-") ? undefined : hexOf(client.serial),
    keyId: client?.subjectKeyId === undefined ? undefined : hexOf(client.subjectKeyId),
  };
}

const hexOf = (text: string): Uint8Array => Buffer.from(text, "hex");

/** What can be different about a leaf. */
export interface LeafChanges {
  readonly family: KeyFamily;
  readonly issuer: Issuer;
  /** Milliseconds from now. */
  readonly validity?: readonly [from: number, to: number];
  /** Extended key usages; the client's unless told, none where empty. */
  readonly purposes?: readonly string[];
  /** A weaker key than the family's. */
  readonly keyType?: AnyKeyType;
  /** Of the issuer's signature; the default of its key unless told. */
  readonly hash?: Hash;
}

/** What can be different about a CA. */
export interface AuthorityChanges {
  /** Self-signed unless told. */
  readonly issuer?: Issuer | undefined;
  /** That of its key unless told. */
  readonly keyId?: Uint8Array | undefined;
  readonly pathLength?: number;
  readonly nameConstraints?: ExtensionDer;
}

/** A CA of our own making. */
export interface Authority extends Issuer {
  /** DER. */
  readonly certificate: Uint8Array;
}

/** What every certificate of a run takes. */
export interface Circumstances {
  readonly random: (length: number) => Uint8Array;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

const HOUR = 3_600_000;

/** A client's certificate in those names, DER. @param spki of its key */
export async function leafCertificate(
  { random, now }: Circumstances,
  names: ClientNames,
  spki: Uint8Array,
  { family, issuer, validity = [-HOUR, HOUR], purposes = [oids.clientAuth], hash }: LeafChanges,
): Promise<Uint8Array> {
  return buildCertificate(
    {
      serial: names.serial ?? randomSerial(random),
      issuer: issuer.name,
      subject: names.subject,
      notBefore: now + validity[0],
      notAfter: now + validity[1],
      spki,
      extensions: [
        basicConstraints({ ca: false }),
        keyUsage(family === "rsa" ? ["digitalSignature", "keyEncipherment"] : ["digitalSignature"]),
        ...(purposes.length === 0 ? [] : [extendedKeyUsage(purposes)]),
        names.subjectAltName,
        subjectKeyIdentifier(keyIdOf(names, spki, issuer)),
        ...(issuer.keyId === undefined ? [] : [authorityKeyIdentifier(issuer.keyId)]),
      ],
      ...(hash === undefined ? {} : { hash }),
    },
    issuer.signer,
  );
}

/**
 * The valid client's, but not below that client itself: a certificate whose issuer has its own name and key
 * identifier is taken for a self-signed one.
 */
function keyIdOf({ keyId }: ClientNames, spki: Uint8Array, issuer: Issuer): Uint8Array {
  const isIssuers =
    keyId !== undefined && issuer.keyId !== undefined && Buffer.compare(keyId, issuer.keyId) === 0;
  return keyId === undefined || isIssuers ? keyIdentifier(spki) : keyId;
}

/** A CA of that name and key, with its certificate. */
export async function authorityOf(
  { random, now }: Circumstances,
  signer: Signer,
  name: NameDer,
  { issuer, keyId, pathLength, nameConstraints }: AuthorityChanges,
): Promise<Authority> {
  const id = keyId ?? keyIdentifier(signer.spki);
  const certificate = await buildCertificate(
    {
      serial: randomSerial(random),
      issuer: issuer?.name ?? name,
      subject: name,
      notBefore: now - HOUR,
      notAfter: now + HOUR,
      spki: signer.spki,
      extensions: [
        basicConstraints({ ca: true, ...(pathLength === undefined ? {} : { pathLength }) }),
        keyUsage(["keyCertSign", "cRLSign"]),
        subjectKeyIdentifier(id),
        authorityKeyIdentifier(issuer?.keyId ?? id),
        ...(nameConstraints === undefined ? [] : [nameConstraints]),
      ],
    },
    issuer?.signer ?? signer,
  );
  return { certificate, name, keyId: id, signer, chain: [certificate, ...(issuer?.chain ?? [])] };
}
