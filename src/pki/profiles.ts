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
import { sequence } from "./der/write.ts";
import { encodeName, encodeRdn, type NameDer } from "./name.ts";
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

function dated({ now, ttl, random, spki }: Omit<Common, "organization">) {
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

/** What the leaves of a role have in common. */
export interface LeafTemplate extends Pick<Common, "organization"> {
  readonly issuer: IssuerIdentity;
  /** One OU each: what Rego's crypto.x509.parse_certificates, nginx and Envoy can all read. */
  readonly applicationRoles: readonly string[];
  readonly usages: readonly Usage[];
  readonly crlUrl?: string | undefined;
  readonly ocspUrl?: string | undefined;
}

/** What is a leaf's own. */
export interface LeafContent extends Omit<Common, "organization"> {
  readonly keyType: AnyKeyType;
  readonly commonName: string;
  readonly names: readonly GeneralName[];
}

export type LeafProfile = LeafTemplate & LeafContent;

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
export function leafKeyUsage(keyType: AnyKeyType, usages: readonly Usage[]): KeyUsage[] {
  const transport = keyType.startsWith("rsa") && usages.includes("server");
  return transport ? ["digitalSignature", "keyEncipherment"] : ["digitalSignature"];
}

type SubjectTemplate = Pick<LeafTemplate, "organization" | "applicationRoles">;

export function leafSubject(leaf: SubjectTemplate & Pick<LeafContent, "commonName">): NameDer {
  return subjectTemplate(leaf)(leaf.commonName);
}

function subjectTemplate({
  organization,
  applicationRoles,
}: SubjectTemplate): (commonName: string) => NameDer {
  const shared = [
    encodeRdn({ type: "O", value: organization }),
    ...applicationRoles.map((value) => encodeRdn({ type: "OU", value })),
  ];
  return (value) => sequence(...shared, encodeRdn({ type: "CN", value }));
}

export function leafProfile(profile: LeafProfile): CertificateSpec {
  return leafTemplate(profile)(profile);
}

/** Encodes once what the leaves of a role share: a fleet has thousands of them. */
export function leafTemplate(template: LeafTemplate): (leaf: LeafContent) => CertificateSpec {
  const { issuer, usages, crlUrl, ocspUrl } = template;
  const subject = subjectTemplate(template);
  const leafConstraints = basicConstraints({ ca: false });
  const purposes = extendedKeyUsage(usages.map((usage) => PURPOSES[usage]));
  const pointers = [
    authorityKeyIdentifier(issuer.keyId),
    ...(crlUrl === undefined ? [] : [crlDistributionPoints([crlUrl])]),
    ...(ocspUrl === undefined ? [] : [authorityInfoAccess({ ocsp: [ocspUrl] })]),
  ];
  return (leaf) => ({
    ...dated(leaf),
    issuer: issuer.subject,
    subject: subject(leaf.commonName),
    extensions: [
      leafConstraints,
      keyUsage(leafKeyUsage(leaf.keyType, usages)),
      purposes,
      subjectAltName(leaf.names),
      subjectKeyIdentifier(keyIdentifier(leaf.spki)),
      ...pointers,
    ],
  });
}
