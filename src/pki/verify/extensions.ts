import {
  contentOf,
  context,
  type Element,
  elementsOf,
  fieldsOf,
  hex,
  malformed,
  readInside,
  requireTag,
  TAG,
} from "./der.ts";
import { type GeneralName, nameFault, readGeneralName } from "./general-name.ts";
import { type NameConstraints, readNameConstraints } from "./subtrees.ts";
import { booleanOf, integerOf, namedBitsOf, numberOf, oidOf } from "./values.ts";

/** The bits of RFC 5280 section 4.2.1.3, in their order. */
const KEY_USAGES = [
  "digitalSignature",
  "nonRepudiation",
  "keyEncipherment",
  "dataEncipherment",
  "keyAgreement",
  "keyCertSign",
  "cRLSign",
  "encipherOnly",
  "decipherOnly",
] as const;

export type KeyUsage = (typeof KEY_USAGES)[number];

/** What the extensions say that are understood here. A field is absent where its extension is. */
export interface Decoded {
  basicConstraints?: { readonly ca: boolean; readonly pathLength: number | undefined };
  keyUsage?: readonly KeyUsage[];
  /** OIDs. */
  extendedKeyUsage?: readonly string[];
  subjectAltName?: readonly GeneralName[];
  /** In hexadecimal, as are all identifiers and serial numbers. */
  subjectKeyId?: string;
  authorityKeyId?: { readonly keyId: string | undefined };
  nameConstraints?: NameConstraints;
  /** URIs of CRLs and of OCSP responders, for display. */
  crlUris?: readonly string[];
  ocspUris?: readonly string[];
}

export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  /** The extnValue, an OCTET STRING. */
  readonly value: Element;
}

/** Extensions ::= SEQUENCE SIZE (1..MAX) OF Extension, of certificates, CRLs and entries of CRLs. */
export function readExtensions(sequence: Element): Extension[] {
  const extensions = [...elementsOf(sequence)].map((element) => {
    const fields = fieldsOf(requireTag(element, TAG.sequence));
    const oid = oidOf(fields.take(TAG.oid));
    const flag = fields.optional(TAG.boolean);
    if (flag !== undefined && !booleanOf(flag)) throw explicitDefault(flag);
    const value = fields.take(TAG.octetString);
    fields.done();
    return { oid, critical: flag !== undefined, value };
  });
  if (extensions.length === 0) throw malformed("an empty list of extensions", sequence.start);
  return extensions;
}

function explicitDefault(element: Element) {
  return malformed("a default value, which DER leaves out,", element.start);
}

export interface ExtensionRule {
  readonly name: string;
  /** Whether RFC 5280 demands or forbids that it is critical. */
  readonly critical: "must" | "must-not" | "may";
  /** Whether path validation here does what the extension asks for; if not, critical ones refuse. */
  readonly processed: boolean;
  readonly decode?: (value: Element, into: Decoded) => void;
}

/** The extensions of RFC 5280 section 4.2 and RFC 6960. */
export const EXTENSION_RULES: ReadonlyMap<string, ExtensionRule> = new Map<string, ExtensionRule>([
  [
    "2.5.29.35",
    { name: "authorityKeyIdentifier", critical: "must-not", processed: true, decode: authorityKeyId },
  ],
  [
    "2.5.29.14",
    { name: "subjectKeyIdentifier", critical: "must-not", processed: true, decode: subjectKeyId },
  ],
  ["2.5.29.15", { name: "keyUsage", critical: "may", processed: true, decode: keyUsage }],
  ["2.5.29.32", { name: "certificatePolicies", critical: "may", processed: true, decode: policies }],
  ["2.5.29.33", { name: "policyMappings", critical: "may", processed: false }],
  ["2.5.29.17", { name: "subjectAltName", critical: "may", processed: true, decode: subjectAltName }],
  ["2.5.29.18", { name: "issuerAltName", critical: "may", processed: true, decode: issuerAltName }],
  ["2.5.29.9", { name: "subjectDirectoryAttributes", critical: "must-not", processed: false }],
  ["2.5.29.19", { name: "basicConstraints", critical: "may", processed: true, decode: basicConstraints }],
  ["2.5.29.30", { name: "nameConstraints", critical: "must", processed: true, decode: nameConstraints }],
  ["2.5.29.36", { name: "policyConstraints", critical: "must", processed: false }],
  ["2.5.29.37", { name: "extKeyUsage", critical: "may", processed: true, decode: extendedKeyUsage }],
  ["2.5.29.31", { name: "cRLDistributionPoints", critical: "may", processed: false, decode: crlUris }],
  ["2.5.29.54", { name: "inhibitAnyPolicy", critical: "must", processed: false }],
  ["2.5.29.46", { name: "freshestCRL", critical: "must-not", processed: false }],
  [
    "1.3.6.1.5.5.7.1.1",
    { name: "authorityInfoAccess", critical: "must-not", processed: false, decode: ocspUris },
  ],
  ["1.3.6.1.5.5.7.1.11", { name: "subjectInfoAccess", critical: "must-not", processed: false }],
  ["1.3.6.1.5.5.7.48.1.5", { name: "ocspNoCheck", critical: "may", processed: true }],
]);

/** `keyUsage`, or the OID of an extension that has no name here. */
export function extensionName(oid: string): string {
  return EXTENSION_RULES.get(oid)?.name ?? oid;
}

function basicConstraints(value: Element, into: Decoded): void {
  const fields = fieldsOf(readInside(value, TAG.sequence));
  const flag = fields.optional(TAG.boolean);
  if (flag !== undefined && !booleanOf(flag)) throw explicitDefault(flag);
  const length = fields.optional(TAG.integer);
  fields.done();
  into.basicConstraints = {
    ca: flag !== undefined,
    // a path length beyond any path is as good as none, but it is a number
    pathLength: length === undefined ? undefined : numberOf(length, 0x7fff_ffff),
  };
}

function keyUsage(value: Element, into: Decoded): void {
  const bits = namedBitsOf(readInside(value, TAG.bitString));
  into.keyUsage = bits.map((bit) => {
    const name = KEY_USAGES[bit];
    if (name === undefined) throw malformed("an unknown key usage", value.start);
    return name;
  });
  // RFC 5280 section 4.2.1.3: at least one of the bits MUST be set
  if (bits.length === 0) throw malformed("a key usage without any use", value.start);
}

function extendedKeyUsage(value: Element, into: Decoded): void {
  const oids = [...elementsOf(readInside(value, TAG.sequence))].map((element) => {
    if (element.tag !== TAG.oid) throw malformed("something that is no key purpose", element.start);
    return oidOf(element);
  });
  if (oids.length === 0) throw malformed("an extended key usage without any purpose", value.start);
  into.extendedKeyUsage = oids;
}

function subjectAltName(value: Element, into: Decoded): void {
  into.subjectAltName = generalNames(value);
}

function issuerAltName(value: Element): void {
  generalNames(value);
}

function generalNames(value: Element): GeneralName[] {
  const names = [...elementsOf(readInside(value, TAG.sequence))].map((element) => {
    const name = readGeneralName(element);
    const fault = nameFault(name);
    if (fault !== undefined) throw malformed(fault, element.start);
    return name;
  });
  if (names.length === 0) throw malformed("an empty list of names", value.start);
  return names;
}

function subjectKeyId(value: Element, into: Decoded): void {
  into.subjectKeyId = hex(contentOf(readInside(value, TAG.octetString)));
}

function authorityKeyId(value: Element, into: Decoded): void {
  const fields = fieldsOf(readInside(value, TAG.sequence));
  const keyId = fields.optional(context(0, "primitive"));
  const issuer = fields.optional(context(1, "constructed"));
  const serial = fields.optional(context(2, "primitive"));
  fields.done();
  if (issuer !== undefined) for (const element of elementsOf(issuer)) readGeneralName(element);
  if (serial !== undefined) integerOf(serial);
  if ((issuer === undefined) !== (serial === undefined)) {
    throw malformed("an authority's issuer without its serial number, or the reverse,", value.start);
  }
  into.authorityKeyId = { keyId: keyId === undefined ? undefined : hex(contentOf(keyId)) };
}

function nameConstraints(value: Element, into: Decoded): void {
  into.nameConstraints = readNameConstraints(readInside(value, TAG.sequence));
}

const QUALIFIERS: ReadonlySet<string> = new Set(["1.3.6.1.5.5.7.2.1", "1.3.6.1.5.5.7.2.2"]);

/**
 * With the inputs that are used here (any policy will do, none is required) the policies of RFC
 * 5280 section 6.1.3 (d) cannot fail a path, so only their syntax counts. What can make them
 * count, policyConstraints and inhibitAnyPolicy, is refused as unprocessed.
 */
function policies(value: Element): void {
  const seen = new Set<string>();
  for (const policy of elementsOf(readInside(value, TAG.sequence))) {
    const fields = fieldsOf(policy);
    const oid = oidOf(fields.take(TAG.oid));
    const qualifiers = fields.optional(TAG.sequence);
    fields.done();
    if (seen.has(oid)) throw malformed("a policy that is named twice", policy.start);
    seen.add(oid);
    for (const qualifier of qualifiers === undefined ? [] : elementsOf(qualifiers)) {
      const known = QUALIFIERS.has(oidOf(fieldsOf(qualifier).take(TAG.oid)));
      if (!known) throw malformed("an unknown policy qualifier", qualifier.start);
    }
  }
  if (seen.size === 0) throw malformed("an empty list of policies", value.start);
}

function crlUris(value: Element, into: Decoded): void {
  const uris: string[] = [];
  for (const point of elementsOf(readInside(value, TAG.sequence))) {
    const distribution = fieldsOf(point).optional(context(0, "constructed"));
    const fullName = distribution && fieldsOf(distribution).optional(context(0, "constructed"));
    if (fullName !== undefined) uris.push(...urisOf(elementsOf(fullName)));
  }
  into.crlUris = uris;
}

const OCSP = "1.3.6.1.5.5.7.48.1";

function ocspUris(value: Element, into: Decoded): void {
  const uris: string[] = [];
  let descriptions = 0;
  for (const description of elementsOf(readInside(value, TAG.sequence))) {
    const fields = fieldsOf(description);
    const method = oidOf(fields.take(TAG.oid));
    const location = fields.any();
    fields.done();
    descriptions += 1;
    const named = urisOf([location]);
    if (method === OCSP) uris.push(...named);
  }
  if (descriptions === 0) throw malformed("an empty list of access descriptions", value.start);
  into.ocspUris = uris;
}

function urisOf(elements: Iterable<Element>): string[] {
  return [...elements].map(readGeneralName).flatMap((name) => (name.kind === "uri" ? name.value : []));
}
