import { formatSerial } from "../certificate.ts";
import { derReader, type Element, elementsOf, malformed, readSingle, tags } from "../der/read.ts";
import { booleanOf, integerOf, namedBitsOf, oidOf, smallIntegerOf } from "../der/values.ts";
import { type KeyUsage, keyUsageBits } from "../extensions.ts";
import { oids } from "../oids.ts";
import type { AuthorityKeyId } from "./authority-key.ts";
import { type GeneralName, nameFault, readGeneralName } from "./general-name.ts";
import { type NameConstraints, readNameConstraints } from "./subtrees.ts";

export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  /** The DER inside the OCTET STRING. */
  readonly value: Uint8Array;
}

/** Reads the Extensions of a certificate, a CRL or an entry of one. @throws FleetsecError `input` */
export function readExtensions(der: Uint8Array, what: string): Extension[] {
  const list = readSingle(der, tags.sequence, what).contents;
  const extensions = [...elementsOf(list, what)].map((element) => {
    const fields = derReader(readSingle(element.raw, tags.sequence, what).contents, what);
    const oid = oidOf(fields.next(tags.oid), what);
    const critical = readDefaultFalse(fields.optional(tags.boolean), what);
    const value = fields.next(tags.octetString).contents;
    fields.end();
    return { oid, critical, value };
  });
  if (extensions.length === 0) throw malformed(what, "it is empty");
  return extensions;
}

/** BOOLEAN DEFAULT FALSE: DER leaves the default out (X.690 section 11.5). */
function readDefaultFalse(element: Element | undefined, what: string): boolean {
  if (element === undefined) return false;
  if (!booleanOf(element, what)) throw malformed(what, "a default value that DER leaves out");
  return true;
}

/** What the extensions say that are understood here. A field is absent where its extension is. */
export interface Decoded {
  basicConstraints?: { readonly ca: boolean; readonly pathLength: number | undefined };
  keyUsage?: readonly KeyUsage[];
  /** Dotted identifiers. */
  extendedKeyUsage?: readonly string[];
  subjectAltName?: readonly GeneralName[];
  /** In hexadecimal. */
  subjectKeyId?: string;
  authorityKeyId?: AuthorityKeyId;
  nameConstraints?: NameConstraints;
  /** Numbers of the bits that are set: 0 is for TLS clients, 1 for TLS servers. */
  netscapeCertType?: readonly number[];
  /** URIs of CRLs and of OCSP responders, for display. */
  crlUris?: readonly string[];
  ocspUris?: readonly string[];
}

export interface ExtensionRule {
  readonly name: string;
  /** Whether RFC 5280 demands or forbids that it is critical. */
  readonly critical: "must" | "must-not" | "may";
  /** It limits the certificate in a way that is not looked at here, so it refuses even where it is not critical. */
  readonly refused?: true;
  /** Whether path validation here does what the extension asks for; if not, critical ones refuse. */
  readonly processed: boolean;
  readonly decode?: (value: Uint8Array, what: string, into: Decoded) => void;
}

/** The extensions of RFC 5280 section 4.2, RFC 6960, and others by which OpenSSL refuses a path. */
export const EXTENSION_RULES: ReadonlyMap<string, ExtensionRule> = new Map<string, ExtensionRule>([
  rule("authorityKeyIdentifier", "must-not", true, authorityKeyId),
  rule("subjectKeyIdentifier", "must-not", true, subjectKeyId),
  rule("keyUsage", "may", true, keyUsage),
  rule("certificatePolicies", "may", true, policies),
  rule("policyMappings", "may", false),
  rule("subjectAltName", "may", true, subjectAltName),
  rule("issuerAltName", "may", false, issuerAltName),
  rule("subjectDirectoryAttributes", "must-not", false),
  rule("basicConstraints", "may", true, basicConstraints),
  rule("nameConstraints", "must", true, nameConstraints),
  rule("policyConstraints", "must", false),
  rule("extKeyUsage", "may", true, extendedKeyUsage),
  rule("cRLDistributionPoints", "may", false, crlUris),
  rule("inhibitAnyPolicy", "must", false),
  rule("freshestCRL", "must-not", false),
  rule("authorityInfoAccess", "must-not", false, ocspUris),
  rule("subjectInfoAccess", "must-not", false),
  rule("ocspNoCheck", "may", true),
  rule("netscapeCertType", "may", true, netscapeCertType),
  refusedRule("ipAddrBlocks"),
  refusedRule("autonomousSysIds"),
  refusedRule("proxyCertInfo"),
]);

function refusedRule(name: keyof typeof oids): [string, ExtensionRule] {
  return [oids[name], { name, critical: "may", processed: false, refused: true }];
}

function rule(
  name: keyof typeof oids,
  critical: ExtensionRule["critical"],
  processed: boolean,
  decode?: ExtensionRule["decode"],
): [string, ExtensionRule] {
  return [oids[name], { name, critical, processed, ...(decode === undefined ? {} : { decode }) }];
}

/** `keyUsage`, or the identifier of an extension that has no name here. */
export function extensionName(oid: string): string {
  return EXTENSION_RULES.get(oid)?.name ?? oid;
}

function sequenceOf(value: Uint8Array, what: string): Element[] {
  const elements = [...elementsOf(readSingle(value, tags.sequence, what).contents, what)];
  if (elements.length === 0) throw malformed(what, "it is empty");
  return elements;
}

function basicConstraints(value: Uint8Array, what: string, into: Decoded): void {
  const fields = derReader(readSingle(value, tags.sequence, what).contents, what);
  const ca = readDefaultFalse(fields.optional(tags.boolean), what);
  const length = fields.optional(tags.integer);
  fields.end();
  into.basicConstraints = { ca, pathLength: length === undefined ? undefined : smallIntegerOf(length, what) };
}

const USAGE_NAMES = new Map(Object.entries(keyUsageBits).map(([name, bit]) => [bit, name as KeyUsage]));

function keyUsage(value: Uint8Array, what: string, into: Decoded): void {
  const usages = namedBitsOf(readSingle(value, tags.bitString, what), what).map((bit) => {
    const name = USAGE_NAMES.get(bit as (typeof keyUsageBits)[KeyUsage]);
    if (name === undefined) throw malformed(what, "an unknown usage");
    return name;
  });
  into.keyUsage = usages;
  // section 4.2.1.3: at least one of the bits MUST be set
  if (usages.length === 0) throw malformed(what, "it allows nothing");
}

function extendedKeyUsage(value: Uint8Array, what: string, into: Decoded): void {
  into.extendedKeyUsage = sequenceOf(value, what).map((element) =>
    oidOf(readSingle(element.raw, tags.oid, what), what),
  );
}

function subjectAltName(value: Uint8Array, what: string, into: Decoded): void {
  into.subjectAltName = generalNames(value, what);
}

function issuerAltName(value: Uint8Array, what: string): void {
  generalNames(value, what);
}

function generalNames(value: Uint8Array, what: string): GeneralName[] {
  return sequenceOf(value, what).map((element) => {
    const name = readGeneralName(element, what);
    const fault = nameFault(name);
    if (fault !== undefined) throw malformed(what, fault);
    return name;
  });
}

function subjectKeyId(value: Uint8Array, what: string, into: Decoded): void {
  into.subjectKeyId = hex(readSingle(value, tags.octetString, what).contents);
}

function netscapeCertType(value: Uint8Array, what: string, into: Decoded): void {
  into.netscapeCertType = namedBitsOf(readSingle(value, tags.bitString, what), what);
}

function authorityKeyId(value: Uint8Array, what: string, into: Decoded): void {
  into.authorityKeyId = readAuthorityKeyId(value, what);
}

/** @throws FleetsecError `input` */
export function readAuthorityKeyId(value: Uint8Array, what: string): AuthorityKeyId {
  const fields = derReader(readSingle(value, tags.sequence, what).contents, what);
  const keyId = fields.optional(tags.primitive(0));
  const issuer = fields.optional(tags.constructed(1));
  const serial = fields.optional(tags.primitive(2));
  fields.end();
  const names = issuer === undefined ? [] : [...elementsOf(issuer.contents, what)];
  const named = names.map((name) => readGeneralName(name, what)).find(({ type }) => type === "dn");
  // section 4.2.1.1: both or neither
  if ((issuer === undefined) !== (serial === undefined))
    throw malformed(what, "half an issuer and serial number");
  return {
    issuer: named?.type === "dn" ? named.value : undefined,
    keyId: keyId === undefined ? undefined : hex(keyId.contents),
    serial: serial === undefined ? undefined : formatSerial(integerOf(serial, what)),
  };
}

function nameConstraints(value: Uint8Array, what: string, into: Decoded): void {
  into.nameConstraints = readNameConstraints(value, what);
}

const QUALIFIERS: ReadonlySet<string> = new Set([oids.cps, oids.userNotice]);

/**
 * With the inputs that are used here (any policy will do, none is required) the policies of RFC
 * 5280 section 6.1.3 (d) cannot fail a path, so only their syntax counts. What can make them
 * count, policyConstraints and inhibitAnyPolicy, is refused as unprocessed.
 */
function policies(value: Uint8Array, what: string): void {
  const seen = new Set<string>();
  for (const policy of sequenceOf(value, what)) {
    const fields = derReader(readSingle(policy.raw, tags.sequence, what).contents, what);
    const oid = oidOf(fields.next(tags.oid), what);
    const qualifiers = fields.optional(tags.sequence);
    fields.end();
    if (seen.has(oid)) throw malformed(what, "a policy that is named twice");
    seen.add(oid);
    for (const qualifier of qualifiers === undefined ? [] : elementsOf(qualifiers.contents, what)) {
      const id = oidOf(derReader(qualifier.contents, what).next(tags.oid), what);
      if (!QUALIFIERS.has(id)) throw malformed(what, "an unknown policy qualifier");
    }
  }
}

function crlUris(value: Uint8Array, what: string, into: Decoded): void {
  into.crlUris = sequenceOf(value, what).flatMap((point) => {
    const name = derReader(point.contents, what).optional(tags.constructed(0));
    const fullName = name && derReader(name.contents, what).optional(tags.constructed(0));
    return fullName === undefined
      ? []
      : [...elementsOf(fullName.contents, what)].flatMap((uri) => uriOf(uri, what));
  });
}

function ocspUris(value: Uint8Array, what: string, into: Decoded): void {
  into.ocspUris = sequenceOf(value, what).flatMap((description) => {
    const fields = derReader(readSingle(description.raw, tags.sequence, what).contents, what);
    const method = oidOf(fields.next(tags.oid), what);
    const location = uriOf(fields.next(), what);
    fields.end();
    return method === oids.ocsp ? location : [];
  });
}

function uriOf(element: Element, what: string): string[] {
  const name = readGeneralName(element, what);
  return name.type === "uri" ? [name.value] : [];
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
