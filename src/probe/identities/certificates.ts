import { buildCertificate, formatSerial, randomSerial } from "../../pki/certificate.ts";
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  type ExtensionDer,
  keyIdentifier,
  keyUsage,
  subjectKeyIdentifier,
} from "../../pki/extensions.ts";
import type { AnyKeyType, Hash, Signer } from "../../pki/keys.ts";
import type { NameDer } from "../../pki/name.ts";
import { oids } from "../../pki/oids.ts";
import type { KeyFamily } from "../key-family.ts";
import type { Claims } from "./claims.ts";
import type { Issuer } from "./issuer.ts";

/** What can be different about a leaf. */
export interface LeafChanges {
  readonly family: KeyFamily;
  readonly issuer: Issuer;
  /** Over a day ago, or a day ahead; the client's unless told. */
  readonly period?: "past" | "future";
  /** Extended key usages; the client's unless told, none where empty. */
  readonly purposes?: readonly string[];
  /** A CA's basic constraints and key usage, beside a client's. */
  readonly isCa?: boolean;
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
  /** Big-endian; random unless told. */
  readonly serial?: Uint8Array | undefined;
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

const DAY = 86_400_000;

/** A client's certificate with those claims, DER. @param spki of its key */
export async function leafCertificate(
  { random, now }: Circumstances,
  claims: Claims,
  spki: Uint8Array,
  changes: LeafChanges,
): Promise<Uint8Array> {
  const { issuer, period, hash } = changes;
  return buildCertificate(
    {
      serial: claims.serial ?? randomSerial(random),
      issuer: issuer.name,
      subject: claims.subject,
      ...validityOf(claims, now, period),
      spki,
      extensions: extensionsOf(claims, spki, changes),
      ...(hash === undefined ? {} : { hash }),
    },
    issuer.signer,
  );
}

/** The client's, of which the past ends and the future begins otherwise; never longer. */
function validityOf({ notBefore, notAfter }: Claims, now: number, period: LeafChanges["period"]) {
  const length = notAfter - notBefore;
  const [end, start] = [now - DAY, now + DAY];
  if (period === "past") return { notBefore: notBefore < end ? notBefore : end - length, notAfter: end };
  if (period === "future")
    return { notBefore: start, notAfter: notAfter > start ? notAfter : start + length };
  return { notBefore, notAfter };
}

/** The client's, in their order, but for what has to fit the keys and the purpose. */
function extensionsOf(
  claims: Claims,
  spki: Uint8Array,
  { issuer, purposes, isCa }: LeafChanges,
): ExtensionDer[] {
  const own = new Map<string, ExtensionDer | undefined>([
    [oids.subjectKeyIdentifier, subjectKeyIdentifier(keyIdOf(claims, spki, issuer))],
    [oids.authorityKeyIdentifier, authorityKeyIdOf(claims, issuer)],
  ]);
  if (purposes !== undefined) {
    own.set(oids.extKeyUsage, purposes.length === 0 ? undefined : extendedKeyUsage(purposes));
  }
  if (isCa === true) {
    own.set(oids.basicConstraints, basicConstraints({ ca: true }));
    own.set(oids.keyUsage, keyUsage(["digitalSignature", "keyCertSign", "cRLSign"]));
  }
  const copied = claims.extensions.map(({ oid, der }) => (own.has(oid) ? own.get(oid) : der));
  const added = [...own].filter(([oid]) => !claims.extensions.some((one) => one.oid === oid));
  return [...copied, ...added.map(([, der]) => der)].filter((der) => der !== undefined);
}

/** The client's own where all that it names is true of this issuer, whether by key or by serial number. */
function authorityKeyIdOf({ authorityKeyId, extensions }: Claims, issuer: Issuer): ExtensionDer | undefined {
  const own = extensions.find(({ oid }) => oid === oids.authorityKeyIdentifier);
  const { keyId, serial } = issuer;
  const isTrue =
    (authorityKeyId?.keyId === undefined || authorityKeyId.keyId === (keyId && hex(keyId))) &&
    (authorityKeyId?.serial === undefined || authorityKeyId.serial === (serial && formatSerial(serial)));
  if (authorityKeyId !== undefined && own !== undefined && isTrue) return own.der;
  return keyId === undefined ? undefined : authorityKeyIdentifier(keyId);
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/**
 * The valid client's, but not below that client itself: a certificate whose issuer has its own name and key
 * identifier is taken for a self-signed one.
 */
function keyIdOf({ keyId }: Claims, spki: Uint8Array, issuer: Issuer): Uint8Array {
  const isIssuers =
    keyId !== undefined && issuer.keyId !== undefined && Buffer.compare(keyId, issuer.keyId) === 0;
  return keyId === undefined || isIssuers ? keyIdentifier(spki) : keyId;
}

/**
 * A CA of that name and key, with its certificate. It lives as long as the client, and under its policies, so
 * that neither is what a chain is refused for.
 */
export async function authorityOf(
  { random }: Circumstances,
  { notBefore, notAfter, extensions }: Claims,
  signer: Signer,
  name: NameDer,
  changes: AuthorityChanges,
): Promise<Authority> {
  const { issuer, pathLength, nameConstraints } = changes;
  const keyId = changes.keyId ?? keyIdentifier(signer.spki);
  const serial = changes.serial ?? randomSerial(random);
  const above = issuer === undefined ? keyId : issuer.keyId;
  const policies = extensions.find(({ oid }) => oid === oids.certificatePolicies);
  const certificate = await buildCertificate(
    {
      serial,
      issuer: issuer?.name ?? name,
      subject: name,
      notBefore,
      notAfter,
      spki: signer.spki,
      extensions: [
        basicConstraints({ ca: true, ...(pathLength === undefined ? {} : { pathLength }) }),
        keyUsage(["keyCertSign", "cRLSign"]),
        subjectKeyIdentifier(keyId),
        ...(above === undefined ? [] : [authorityKeyIdentifier(above)]),
        ...(nameConstraints === undefined ? [] : [nameConstraints]),
        ...(policies === undefined ? [] : [policies.der]),
      ],
    },
    issuer?.signer ?? signer,
  );
  return { certificate, name, keyId, serial, signer, chain: [certificate, ...(issuer?.chain ?? [])] };
}
