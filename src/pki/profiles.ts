import { type CertificateSpec, randomSerial } from "./certificate.ts";
import {
  authorityInfoAccess,
  authorityKeyIdentifier,
  basicConstraints,
  crlDistributionPoints,
  extendedKeyUsage,
  type ExtensionDer,
  keyIdentifier,
  type KeyUsage,
  keyUsage,
  nameConstraints,
  ocspNoCheck,
  subjectAltName,
  subjectKeyIdentifier,
} from "./extensions.ts";
import type { ConstraintBase, GeneralName } from "./general-name.ts";
import type { AnyKeyType } from "./keys.ts";
import { encodeName, type NameDer } from "./name.ts";
import { oids } from "./oids.ts";
import type { Usage } from "./roles.ts";

/** Clocks differ: certificates and CRLs are valid from this long before they were made, in milliseconds. */
export const BACKDATE = 60_000;

/** The CA whose name and key identifier a certificate copies. */
export interface IssuerIdentity {
  /** Byte for byte the subject of the CA's certificate. */
  readonly subject: NameDer;
  readonly keyId: Uint8Array;
}

/** What every certificate has. */
interface Common {
  readonly random: (length: number) => Uint8Array;
  /** The time of issuance, in milliseconds since the epoch. */
  readonly now: number;
  /** Seconds from `now`. */
  readonly ttl: number;
  readonly spki: Uint8Array;
  /** The organisation in the subject. */
  readonly organization: string;
}

function dated({ now, ttl, random, spki }: Common) {
  return { serial: randomSerial(random), notBefore: now - BACKDATE, notAfter: now + ttl * 1000, spki };
}

/** A CA or OCSP responder is named by its key, so that two generations never share a name. */
function namedByKey(organization: string, kind: string, keyId: Uint8Array): NameDer {
  const short = Buffer.from(keyId.subarray(0, 4)).toString("hex");
  return encodeName([
    { type: "O", value: organization },
    { type: "CN", value: `${kind} ${short}` },
  ]);
}

/** Self-signed, for one level of CAs below it. */
export function rootProfile(common: Common): CertificateSpec {
  const keyId = keyIdentifier(common.spki);
  const subject = namedByKey(common.organization, "Root CA", keyId);
  return {
    ...dated(common),
    issuer: subject,
    subject,
    extensions: [
      basicConstraints({ ca: true, pathLength: 1 }),
      keyUsage(["keyCertSign", "cRLSign"]),
      subjectKeyIdentifier(keyId),
    ],
  };
}

export interface IssuingProfile extends Common {
  readonly issuer: IssuerIdentity;
  /** Undefined for a CA that may issue any name. */
  readonly permitted?: PermittedNames | undefined;
}

/** What a name-constrained CA can issue; everything else is excluded. */
export interface PermittedNames {
  readonly trustDomain: string;
  readonly dns: readonly string[];
  /** Whether addresses of private networks may be issued. */
  readonly addresses: boolean;
}

/** Issues leaves only. */
export function issuingProfile(profile: IssuingProfile): CertificateSpec {
  const keyId = keyIdentifier(profile.spki);
  return {
    ...dated(profile),
    issuer: profile.issuer.subject,
    subject: namedByKey(profile.organization, "Issuing CA", keyId),
    extensions: [
      basicConstraints({ ca: true, pathLength: 0 }),
      keyUsage(["keyCertSign", "cRLSign"]),
      subjectKeyIdentifier(keyId),
      authorityKeyIdentifier(profile.issuer.keyId),
      ...(profile.permitted === undefined ? [] : [constraintsOf(profile.permitted)]),
    ],
  };
}

/** Loopback, RFC 1918 and RFC 4193 addresses: no certificate of a dev CA speaks for a public one. */
const PRIVATE_RANGES = [
  "127.0.0.0/8",
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "::1/128",
  "fc00::/7",
];

function constraintsOf({ trustDomain, dns, addresses }: PermittedNames): ExtensionDer {
  const ranges = (values: readonly string[]) => values.map((value) => ({ type: "ip-range" as const, value }));
  const permitted: ConstraintBase[] = [...new Set([trustDomain, ...dns])].map((value) => ({
    type: "dns",
    value,
  }));
  // without a subtree of its own, a type of name is not constrained at all (RFC 5280 section 4.2.1.10)
  permitted.push({ type: "email", value: trustDomain }, { type: "uri", value: trustDomain });
  return addresses
    ? nameConstraints({ permitted: [...permitted, ...ranges(PRIVATE_RANGES)] })
    : nameConstraints({ permitted, excluded: ranges(["0.0.0.0/0", "::/0"]) });
}

export interface LeafProfile extends Common {
  readonly issuer: IssuerIdentity;
  readonly keyType: AnyKeyType;
  readonly commonName: string;
  /** One OU each: what Rego's crypto.x509.parse_certificates, nginx and Envoy can all read. */
  readonly applicationRoles: readonly string[];
  readonly usages: readonly Usage[];
  readonly names: readonly GeneralName[];
  readonly crlUrl?: string | undefined;
  readonly ocspUrl?: string | undefined;
}

export interface OcspSignerProfile extends Common {
  readonly issuer: IssuerIdentity;
}

/** Signs OCSP responses for the certificates of one CA (RFC 6960 section 4.2.2.2). */
export function ocspSignerProfile(profile: OcspSignerProfile): CertificateSpec {
  const keyId = keyIdentifier(profile.spki);
  return {
    ...dated(profile),
    issuer: profile.issuer.subject,
    subject: namedByKey(profile.organization, "OCSP responder", keyId),
    extensions: [
      basicConstraints({ ca: false }),
      keyUsage(["digitalSignature"]),
      extendedKeyUsage([oids.ocspSigning]),
      subjectKeyIdentifier(keyId),
      authorityKeyIdentifier(profile.issuer.keyId),
      ocspNoCheck(),
    ],
  };
}

const PURPOSES: Readonly<Record<Usage, string>> = { client: oids.clientAuth, server: oids.serverAuth };

/** Only RSA can be used for key transport, and only to a server (RFC 5280 section 4.2.1.12). */
function leafKeyUsage({ keyType, usages }: LeafProfile): KeyUsage[] {
  const transport = keyType.startsWith("rsa") && usages.includes("server");
  return transport ? ["digitalSignature", "keyEncipherment"] : ["digitalSignature"];
}

export function leafSubject(
  leaf: Pick<LeafProfile, "organization" | "applicationRoles" | "commonName">,
): NameDer {
  return encodeName([
    { type: "O", value: leaf.organization },
    ...leaf.applicationRoles.map((value) => ({ type: "OU" as const, value })),
    { type: "CN", value: leaf.commonName },
  ]);
}

export function leafProfile(profile: LeafProfile): CertificateSpec {
  const { crlUrl, ocspUrl } = profile;
  return {
    ...dated(profile),
    issuer: profile.issuer.subject,
    subject: leafSubject(profile),
    extensions: [
      basicConstraints({ ca: false }),
      keyUsage(leafKeyUsage(profile)),
      extendedKeyUsage(profile.usages.map((usage) => PURPOSES[usage])),
      subjectAltName(profile.names),
      subjectKeyIdentifier(keyIdentifier(profile.spki)),
      authorityKeyIdentifier(profile.issuer.keyId),
      ...(crlUrl === undefined ? [] : [crlDistributionPoints([crlUrl])]),
      ...(ocspUrl === undefined ? [] : [authorityInfoAccess({ ocsp: [ocspUrl] })]),
    ],
  };
}
