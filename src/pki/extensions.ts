import { hash } from "node:crypto";
import { readSingle, derReader, tags } from "./der/read.ts";
import { bitStringOf } from "./der/values.ts";
import {
  boolean,
  constructed,
  integer,
  namedBits,
  nullValue,
  octetString,
  oid,
  primitive,
  sequence,
} from "./der/write.ts";
import { type ConstraintBase, encodeGeneralName, type GeneralName } from "./general-name.ts";
import { oids } from "./oids.ts";

/**
 * X.509 extensions (RFC 5280 section 4.2), each as the DER of a whole Extension, ready for a
 * certificate. Criticality is what the RFC asks for unless told otherwise.
 */
export type ExtensionDer = Uint8Array;

/** Any extension: `value` is the DER inside the OCTET STRING. */
export function extension(id: string, critical: boolean, value: Uint8Array): ExtensionDer {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value));
}

export function basicConstraints(
  constraints: { readonly ca: boolean; readonly pathLength?: number },
  critical = true,
): ExtensionDer {
  const { ca, pathLength } = constraints;
  const value = sequence(
    ...(ca ? [boolean(true)] : []),
    ...(pathLength === undefined ? [] : [integer(pathLength)]),
  );
  return extension(oids.basicConstraints, critical, value);
}

/** Bit numbers of KeyUsage (RFC 5280 section 4.2.1.3). */
export const keyUsageBits = {
  digitalSignature: 0,
  nonRepudiation: 1,
  keyEncipherment: 2,
  dataEncipherment: 3,
  keyAgreement: 4,
  keyCertSign: 5,
  cRLSign: 6,
  encipherOnly: 7,
  decipherOnly: 8,
} as const;

export type KeyUsage = keyof typeof keyUsageBits;

export function keyUsage(usages: readonly KeyUsage[], critical = true): ExtensionDer {
  return extension(oids.keyUsage, critical, namedBits(usages.map((usage) => keyUsageBits[usage])));
}

/** @param purposes dotted identifiers, e.g. `oids.clientAuth` */
export function extendedKeyUsage(purposes: readonly string[], critical = false): ExtensionDer {
  return extension(oids.extKeyUsage, critical, sequence(...purposes.map(oid)));
}

/** Critical only where the subject is empty (RFC 5280 section 4.2.1.6). */
export function subjectAltName(names: readonly GeneralName[], critical = false): ExtensionDer {
  return extension(oids.subjectAltName, critical, sequence(...names.map(encodeGeneralName)));
}

/** The leftmost 160 bits of the SHA-256 of the public key's BIT STRING (RFC 7093 section 2, method 1). */
export function keyIdentifier(spki: Uint8Array): Uint8Array {
  return keyHash(spki, "sha256").subarray(0, 20);
}

/** The hash of a public key's BIT STRING, without its tag, length and number of unused bits. */
export function keyHash(spki: Uint8Array, algorithm: "sha1" | "sha256"): Buffer {
  const reader = derReader(readSingle(spki, tags.sequence, "public key").contents, "public key");
  reader.next(tags.sequence);
  const bits = bitStringOf(reader.next(tags.bitString), "public key");
  return hash(algorithm, bits, "buffer");
}

export function subjectKeyIdentifier(keyId: Uint8Array): ExtensionDer {
  return extension(oids.subjectKeyIdentifier, false, octetString(keyId));
}

/** @param keyId copied from the issuer's subject key identifier */
export function authorityKeyIdentifier(keyId: Uint8Array): ExtensionDer {
  return extension(oids.authorityKeyIdentifier, false, sequence(primitive(0, keyId)));
}

export function nameConstraints(
  subtrees: { readonly permitted?: readonly ConstraintBase[]; readonly excluded?: readonly ConstraintBase[] },
  critical = true,
): ExtensionDer {
  const { permitted = [], excluded = [] } = subtrees;
  // minimum is 0, its default, and maximum is absent (RFC 5280 section 4.2.1.10)
  const trees = (bases: readonly ConstraintBase[]) => bases.map((base) => sequence(encodeGeneralName(base)));
  const value = sequence(
    ...(permitted.length === 0 ? [] : [constructed(0, ...trees(permitted))]),
    ...(excluded.length === 0 ? [] : [constructed(1, ...trees(excluded))]),
  );
  return extension(oids.nameConstraints, critical, value);
}

/** One distribution point with each of the URLs. */
export function crlDistributionPoints(urls: readonly string[], critical = false): ExtensionDer {
  const names = urls.map((value) => encodeGeneralName({ type: "uri", value }));
  const point = sequence(constructed(0, constructed(0, ...names)));
  return extension(oids.cRLDistributionPoints, critical, sequence(point));
}

export function authorityInfoAccess(access: {
  readonly ocsp?: readonly string[];
  readonly caIssuers?: readonly string[];
}): ExtensionDer {
  const describe = (method: string, urls: readonly string[] = []) =>
    urls.map((value) => sequence(oid(method), encodeGeneralName({ type: "uri", value })));
  const value = sequence(...describe(oids.ocsp, access.ocsp), ...describe(oids.caIssuers, access.caIssuers));
  return extension(oids.authorityInfoAccess, false, value);
}

/** Asks nobody to check the revocation of an OCSP responder's short-lived certificate (RFC 6960 section 4.2.2.2.1). */
export function ocspNoCheck(): ExtensionDer {
  return extension(oids.ocspNoCheck, false, nullValue());
}
