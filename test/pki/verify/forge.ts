import { type KeyObject, sign as cryptoSign } from "node:crypto";
import {
  bitString,
  constructed,
  element,
  enumerated,
  integer,
  octetString,
  sequence,
  time,
} from "../../../src/pki/der/write.ts";
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  type ExtensionDer,
  extension,
  keyIdentifier,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from "../../../src/pki/extensions.ts";
import {
  type AnyKeyType,
  defaultHash,
  generateKey,
  type Hash,
  keyTypeOf,
  spkiOf,
} from "../../../src/pki/keys.ts";
import { encodeName, type NameDer } from "../../../src/pki/name.ts";
import { oids } from "../../../src/pki/oids.ts";
import { signatureAlgorithm } from "../../../src/pki/signature-algorithm.ts";
import { type Certificate, parseCertificate } from "../../../src/pki/verify/certificate.ts";

/** Makes certificates and CRLs that keep every rule, but for those that a test asks to be broken. */

export const NOW = Date.UTC(2026, 2, 1, 12);
export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

/** A certificate with the key that belongs to it. */
export interface Identity {
  readonly certificate: Certificate;
  readonly key: KeyObject;
  readonly name: NameDer;
}

type ExtensionName =
  | "basicConstraints"
  | "keyUsage"
  | "extKeyUsage"
  | "subjectAltName"
  | "subjectKeyId"
  | "authorityKeyId";

export interface Spec {
  readonly subject?: string | NameDer;
  /** Another issuer name than the issuer's own. */
  readonly issuerName?: NameDer;
  readonly ca?: boolean;
  readonly key?: KeyObject;
  readonly spki?: Uint8Array;
  readonly notBefore?: number;
  readonly notAfter?: number;
  /** An INTEGER. */
  readonly serial?: Uint8Array;
  /** A whole extension in place of the usual one; null leaves it out. */
  readonly replace?: Partial<Record<ExtensionName, ExtensionDer | null>>;
  /** More extensions. */
  readonly extra?: readonly ExtensionDer[];
  /** Version as it is written, 2 for v3; null leaves it out. */
  readonly version?: number | null;
  readonly hash?: Hash;
  /** The signature algorithms inside and outside. */
  readonly innerAlgorithm?: Uint8Array;
  readonly outerAlgorithm?: Uint8Array;
  /** What stands between the key and the extensions. */
  readonly uniqueId?: Uint8Array;
  /** Signs in place of the usual signature. */
  readonly sign?: (tbs: Uint8Array, key: KeyObject) => Uint8Array;
}

let serials = 0;

/** A certificate by `issuer`, or one that signs itself. P-256 unless a key is given. */
export async function forge(spec: Spec, issuer?: Identity): Promise<Identity> {
  const key = spec.key ?? (await newKey());
  const spki = spec.spki ?? spkiOf(key);
  const name = nameOf(spec.subject ?? "leaf");
  const signer = issuer?.key ?? key;
  const hash = spec.hash ?? defaultHash(keyTypeOf(signer));
  const algorithm = signatureAlgorithm(keyTypeOf(signer), hash);
  serials += 1;
  const extensions = extensionsOf(spec, spki, issuer?.certificate.spki ?? spki);
  const tbs = sequence(
    ...(spec.version === null ? [] : [constructed(0, integer(spec.version ?? 2))]),
    spec.serial ?? integer(1000 + serials),
    spec.innerAlgorithm ?? algorithm,
    spec.issuerName ?? issuer?.name ?? name,
    sequence(time(spec.notBefore ?? NOW - DAY), time(spec.notAfter ?? NOW + DAY)),
    name,
    spki,
    ...(spec.uniqueId === undefined ? [] : [spec.uniqueId]),
    ...(extensions.length === 0 ? [] : [constructed(3, sequence(...extensions))]),
  );
  const sign = spec.sign ?? ((data: Uint8Array, by: KeyObject) => signWith(by, data, hash));
  const der = sequence(tbs, spec.outerAlgorithm ?? algorithm, bitString(sign(tbs, signer)));
  return { certificate: parseCertificate(der, "forged certificate"), key, name };
}

export async function newKey(type: AnyKeyType = "p256"): Promise<KeyObject> {
  return (await generateKey(type)).privateKey;
}

export function nameOf(subject: string | NameDer): NameDer {
  return typeof subject === "string" ? encodeName([{ type: "CN", value: subject }]) : subject;
}

export function signWith(key: KeyObject, data: Uint8Array, hash: Hash): Uint8Array {
  return cryptoSign(key.asymmetricKeyType === "ed25519" ? null : hash, data, key);
}

function extensionsOf(spec: Spec, spki: Uint8Array, issuerSpki: Uint8Array): ExtensionDer[] {
  const usual: Record<ExtensionName, ExtensionDer | null> = {
    basicConstraints: basicConstraints({ ca: spec.ca === true }),
    keyUsage: keyUsage(spec.ca === true ? ["keyCertSign", "cRLSign"] : ["digitalSignature"]),
    extKeyUsage: spec.ca === true ? null : extendedKeyUsage([oids.clientAuth, oids.serverAuth]),
    subjectAltName: spec.ca === true ? null : subjectAltName([{ type: "dns", value: "leaf.fleet.internal" }]),
    subjectKeyId: subjectKeyIdentifier(keyIdentifier(spki)),
    authorityKeyId: authorityKeyIdentifier(keyIdentifier(issuerSpki)),
  };
  const chosen = Object.values({ ...usual, ...spec.replace });
  return [...chosen.filter((item) => item !== null), ...(spec.extra ?? [])];
}

export interface Entry {
  readonly serial: Uint8Array;
  readonly reason?: number;
  readonly extra?: readonly ExtensionDer[];
}

export interface CrlForgery {
  readonly thisUpdate?: number;
  /** null leaves it out. */
  readonly nextUpdate?: number | null;
  readonly entries?: readonly Entry[];
  /** Extensions of the list; CRL number and authority key identifier unless told. */
  readonly extensions?: readonly ExtensionDer[];
  readonly version?: number | null;
  readonly signer?: KeyObject;
}

/** The DER of a CRL by `issuer`. */
export function forgeCrl(issuer: Identity, spec: CrlForgery = {}): Uint8Array {
  const signer = spec.signer ?? issuer.key;
  const algorithm = signatureAlgorithm(keyTypeOf(signer), defaultHash(keyTypeOf(signer)));
  const entries = (spec.entries ?? []).map((entry) => entryOf(entry));
  const extensions = spec.extensions ?? [
    authorityKeyIdentifier(keyIdentifier(issuer.certificate.spki)),
    extension(oids.crlNumber, false, integer(1)),
  ];
  const tbs = sequence(
    ...(spec.version === null ? [] : [integer(spec.version ?? 1)]),
    algorithm,
    issuer.name,
    time(spec.thisUpdate ?? NOW - HOUR),
    ...(spec.nextUpdate === null ? [] : [time(spec.nextUpdate ?? NOW + HOUR)]),
    ...(spec.entries === undefined ? [] : [element(0x30, Buffer.concat(entries))]),
    ...(extensions.length === 0 ? [] : [constructed(0, sequence(...extensions))]),
  );
  return sequence(tbs, algorithm, bitString(signWith(signer, tbs, defaultHash(keyTypeOf(signer)))));
}

function entryOf({ serial, reason, extra = [] }: Entry): Uint8Array {
  const extensions = [
    ...(reason === undefined ? [] : [extension(oids.reasonCode, false, enumerated(reason))]),
    ...extra,
  ];
  return sequence(serial, time(NOW - HOUR), ...(extensions.length === 0 ? [] : [sequence(...extensions)]));
}

/** The INTEGER of a certificate's serial number. */
export function serialOf({ certificate }: Identity): Uint8Array {
  return integer(Buffer.from(certificate.serial, "hex"));
}

/** An extension that nobody knows. */
export function unknownExtension(critical: boolean): ExtensionDer {
  return extension("1.3.6.1.4.1.55738.666.1", critical, octetString(Uint8Array.of(1)));
}
