import { tags } from "../../src/pki/der/read.ts";
import {
  boolean,
  constructed,
  element,
  integer,
  namedBits,
  nullValue,
  oid,
  primitive,
  sequence,
  setOf,
} from "../../src/pki/der/write.ts";
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  extension,
  keyIdentifier,
  keyUsage,
  keyUsageBits,
  nameConstraints,
  subjectAltName,
} from "../../src/pki/extensions.ts";
import type { ConstraintBase, GeneralName } from "../../src/pki/general-name.ts";
import { encodeName } from "../../src/pki/name.ts";
import { spkiOf } from "../../src/pki/keys.ts";
import { oids } from "../../src/pki/oids.ts";
import { signatureAlgorithm } from "../../src/pki/signature-algorithm.ts";
import { EXTENSION_RULES } from "../../src/pki/verify/extensions.ts";
import { DAY, forge, HOUR, type Identity, newKey, type Spec, unknownExtension } from "../pki/verify/forge.ts";

/** What is unusual about a path: what its certificates are made from, besides what they usually are. */
export interface Oddity {
  readonly root?: Spec;
  readonly issuing?: Spec;
  readonly leaf?: Spec;
  /** The trusted root is another one of the same name. */
  readonly twinRoot?: true;
}

export interface Path {
  readonly root: Identity;
  readonly issuing: Identity;
  readonly leaf: Identity;
}

/** A path for a TLS client that is valid at `now`, but for the oddities. */
export async function makePath(now: number, chosen: readonly Oddity[]): Promise<Path> {
  const usual = { notBefore: now - DAY, notAfter: now + DAY };
  const spec = (who: "root" | "issuing" | "leaf", more: Spec) =>
    chosen.reduce<Spec>((sum, oddity) => merged(sum, oddity[who] ?? {}), { ...usual, ...more });
  const root = await forge(spec("root", { subject: "root", ca: true }));
  const issuing = await forge(spec("issuing", { subject: "issuing", ca: true }), root);
  const leaf = await forge(spec("leaf", { subject: "leaf" }), issuing);
  const isTwin = chosen.some(({ twinRoot }) => twinRoot);
  return { root: isTwin ? await forge(spec("root", { subject: "root", ca: true })) : root, issuing, leaf };
}

function merged(a: Spec, b: Spec): Spec {
  const extra = [...(a.extra ?? []), ...(b.extra ?? [])];
  return { ...a, ...b, replace: { ...a.replace, ...b.replace }, extra };
}

const names = (...list: GeneralName[]) => ({ subjectAltName: subjectAltName(list) });
const dns = (value: string): GeneralName => ({ type: "dns", value });
const permitted = (...bases: ConstraintBase[]) => [nameConstraints({ permitted: bases })];
const excluded = (...bases: ConstraintBase[]) => [nameConstraints({ excluded: bases })];
const noName = encodeName([]);
const attribute = (type: string, tag: number, text: string) =>
  sequence(setOf(sequence(oid(type), element(tag, Buffer.from(text, "latin1")))));
const printable = (text: string) => attribute(oids.commonName, tags.printableString, text);
/** A common name, and no DNS name beside it. */
const hostOnly = (text: string): Spec => ({
  subject: attribute(oids.commonName, tags.utf8String, text),
  replace: names({ type: "uri", value: "spiffe://fleet.internal/a" }),
});
const netscapeType = (unused: number, bits: number) =>
  extension(oids.netscapeCertType, false, element(0x03, Uint8Array.of(unused, bits)));
const issuerName = (critical: boolean) =>
  extension(oids.issuerAltName, critical, sequence(primitive(2, Buffer.from("ca.fleet.internal"))));
const noSignature = () => Buffer.from("3006020101020101", "hex");

/** Oddities by name, in the order of the page; made for the instant `now`. */
export async function oddities(now: number): Promise<ReadonlyMap<string, Oddity>> {
  const [weak, koblitz] = [
    await newKey("rsa1024"),
    Buffer.from(`3056301006072a8648ce3d020106052b8104000a034200${KOBLITZ_POINT}`, "hex"),
  ];
  const caKey = await newKey();
  const naming = (issuer: string, serial: number, keyId = keyIdentifier(spkiOf(caKey))): Spec => ({
    replace: {
      authorityKeyId: extension(
        oids.authorityKeyIdentifier,
        false,
        sequence(
          primitive(0, keyId),
          constructed(1, constructed(4, encodeName([{ type: "CN", value: issuer }]))),
          primitive(2, Uint8Array.of(serial)),
        ),
      ),
    },
  });
  const numbered: Spec = { key: caKey, serial: integer(42) };
  /** Names the issuing CA's certificate, whose serial number is 42, by its issuer and serial number too. */
  const named = (issuer: string, serial: number): Oddity => ({
    issuing: numbered,
    leaf: naming(issuer, serial),
  });
  /** The same of the root, which has issued itself. */
  const namedRoot = (...by: Parameters<typeof naming>): Oddity => ({
    root: { ...numbered, ...naming(...by) },
  });
  const past = { notAfter: now - HOUR };
  const list: Record<string, Oddity> = {
    "nothing unusual": {},
    "leaf expired": { leaf: past },
    "issuing CA expired": { issuing: past },
    "root expired": { root: past },
    "leaf not yet valid": { leaf: { notBefore: now + HOUR } },
    "leaf is for servers": { leaf: { replace: { extKeyUsage: extendedKeyUsage([oids.serverAuth]) } } },
    "leaf is for any purpose": {
      leaf: { replace: { extKeyUsage: extendedKeyUsage([oids.anyExtendedKeyUsage]) } },
    },
    "leaf without extended key usage": { leaf: { replace: { extKeyUsage: null } } },
    "leaf without key usage": { leaf: { replace: { keyUsage: null } } },
    "leaf's key usage is keyEncipherment": { leaf: { replace: { keyUsage: keyUsage(["keyEncipherment"]) } } },
    "leaf's key usage is keyAgreement": { leaf: { replace: { keyUsage: keyUsage(["keyAgreement"]) } } },
    "issuing CA is for servers": {
      issuing: { replace: { extKeyUsage: extendedKeyUsage([oids.serverAuth]) } },
    },
    "issuing CA is for any purpose": {
      issuing: { replace: { extKeyUsage: extendedKeyUsage([oids.anyExtendedKeyUsage]) } },
    },
    "root is for servers": { root: { replace: { extKeyUsage: extendedKeyUsage([oids.serverAuth]) } } },
    "issuing CA is no CA": { issuing: { replace: { basicConstraints: basicConstraints({ ca: false }) } } },
    "issuing CA without basicConstraints": { issuing: { replace: { basicConstraints: null } } },
    "issuing CA's basicConstraints not critical": {
      issuing: { replace: { basicConstraints: basicConstraints({ ca: true }, false) } },
    },
    "issuing CA may not sign certificates": { issuing: { replace: { keyUsage: keyUsage(["cRLSign"]) } } },
    "issuing CA without key usage": { issuing: { replace: { keyUsage: null } } },
    "path length of the root is 0": {
      root: { replace: { basicConstraints: basicConstraints({ ca: true, pathLength: 0 }) } },
    },
    "path length of the root is 1": {
      root: { replace: { basicConstraints: basicConstraints({ ca: true, pathLength: 1 }) } },
    },
    "DNS name not permitted": { issuing: { extra: permitted(dns("other.internal")) } },
    "DNS name not permitted by the root": { root: { extra: permitted(dns("other.internal")) } },
    "DNS name permitted": { issuing: { extra: permitted(dns("fleet.internal")) } },
    "DNS name excluded": { issuing: { extra: excluded(dns("fleet.internal")) } },
    "wildcard stands for an excluded name": {
      issuing: { extra: excluded(dns("secret.fleet.internal")) },
      leaf: { replace: names(dns("*.fleet.internal")) },
    },
    "IP address not permitted": {
      issuing: { extra: permitted({ type: "ip-range", value: "10.0.0.0/8" }) },
      leaf: { replace: names({ type: "ip", value: "192.0.2.1" }) },
    },
    "URI host not permitted": {
      issuing: { extra: permitted({ type: "uri", value: "fleet.internal" }) },
      leaf: { replace: names({ type: "uri", value: "spiffe://other.internal/a" }) },
    },
    "URI host permitted": {
      issuing: { extra: permitted({ type: "uri", value: "fleet.internal" }) },
      leaf: { replace: names({ type: "uri", value: "spiffe://fleet.internal/a" }) },
    },
    "URI with a user before the permitted host": {
      issuing: { extra: permitted({ type: "uri", value: "fleet.internal" }) },
      leaf: { replace: names({ type: "uri", value: "spiffe://evil.com@fleet.internal/a" }) },
    },
    "URI with a dot after the permitted host": {
      issuing: { extra: permitted({ type: "uri", value: "fleet.internal" }) },
      leaf: { replace: names({ type: "uri", value: "spiffe://fleet.internal./a" }) },
    },
    "URI with a colon in its path": {
      issuing: { extra: permitted({ type: "uri", value: "fleet.internal" }) },
      leaf: { replace: names({ type: "uri", value: "spiffe://fleet.internal/a:b" }) },
    },
    "URI with a port after the permitted host": {
      issuing: { extra: permitted({ type: "uri", value: "fleet.internal" }) },
      leaf: { replace: names({ type: "uri", value: "https://fleet.internal:8443/a:b" }) },
    },
    "URI with a query after the permitted host": {
      issuing: { extra: permitted({ type: "uri", value: "fleet.internal" }) },
      leaf: { replace: names({ type: "uri", value: "https://fleet.internal?a" }) },
    },
    "mailbox not permitted": {
      issuing: { extra: permitted({ type: "email", value: "fleet.internal" }) },
      leaf: { replace: names({ type: "email", value: "ops@other.internal" }) },
    },
    "mailbox in the subject": {
      issuing: { extra: permitted(dns("fleet.internal")) },
      leaf: { subject: attribute(oids.emailAddress, tags.ia5String, "ops@fleet.internal") },
    },
    "mailbox in the subject as a UTF8String, below any name constraint": {
      issuing: { extra: permitted(dns("fleet.internal")) },
      leaf: { subject: attribute(oids.emailAddress, tags.utf8String, "ops@fleet.internal") },
    },
    "common name of a host that is not permitted, with a NUL after it": {
      issuing: { extra: permitted(dns("fleet.internal")) },
      leaf: hostOnly("evil.internal\0"),
    },
    "common name of a host that is permitted, with a NUL after it": {
      issuing: { extra: permitted(dns("fleet.internal")) },
      leaf: hostOnly("fleet.internal\0"),
    },
    "common name of a host that is permitted, after a NUL": {
      issuing: { extra: permitted(dns("fleet.internal")) },
      leaf: hostOnly("evil.internal\0.fleet.internal"),
    },
    "directory name not permitted": {
      issuing: { extra: permitted({ type: "dn", value: encodeName([{ type: "O", value: "acme" }]) }) },
    },
    "name constraints not critical": {
      issuing: { extra: [nameConstraints({ permitted: [dns("fleet.internal")] }, false)] },
    },
    "name constraints in the leaf": { leaf: { extra: permitted(dns("fleet.internal")) } },
    "name constraint with a leading dot": { issuing: { extra: permitted(dns(".fleet.internal")) } },
    "leaf's signature is not the CA's": { leaf: { sign: noSignature } },
    "issuing CA's signature is not the root's": { issuing: { sign: noSignature } },
    "root of the same name with another key": { twinRoot: true },
    "leaf signed with SHA-1": { leaf: { hash: "sha1" } },
    "issuing CA signed with SHA-1": { issuing: { hash: "sha1" } },
    "root signed with SHA-1": { root: { hash: "sha1" } },
    "leaf with RSA-1024": { leaf: { key: weak } },
    "leaf with a key on secp256k1": { leaf: { spki: koblitz } },
    "unknown critical extension in the leaf": { leaf: { extra: [unknownExtension(true)] } },
    "unknown critical extension in the issuing CA": { issuing: { extra: [unknownExtension(true)] } },
    "unknown critical extension in the root": { root: { extra: [unknownExtension(true)] } },
    "unknown extension, not critical": { leaf: { extra: [unknownExtension(false)] } },
    "policyConstraints in the issuing CA": {
      issuing: { extra: [extension(oids.policyConstraints, true, sequence(primitive(0, Uint8Array.of(0))))] },
    },
    "extension twice": { leaf: { extra: [subjectAltName([dns("b.fleet.internal")])] } },
    "leaf without authority key identifier": { leaf: { replace: { authorityKeyId: null } } },
    "authority key identifier of another key": {
      leaf: { replace: { authorityKeyId: authorityKeyIdentifier(Uint8Array.of(1, 2, 3)) } },
    },
    "authority key identifier of another key, in the issuing CA": {
      issuing: { replace: { authorityKeyId: authorityKeyIdentifier(Uint8Array.of(1, 2, 3)) } },
    },
    "authority key identifier with the issuer's certificate": named("root", 42),
    "authority key identifier with another serial number": named("root", 43),
    "authority key identifier with another issuer": named("issuing", 42),
    "root's authority key identifier with its own certificate": namedRoot("root", 42),
    "root's authority key identifier with another serial number": namedRoot("root", 43),
    "root's authority key identifier with another issuer": namedRoot("issuing", 42),
    "root's authority key identifier of another key": namedRoot("root", 42, Uint8Array.of(1, 2, 3)),
    "proxy certificate, not critical": {
      leaf: {
        extra: [extension(oids.proxyCertInfo, false, sequence(sequence(oid("1.3.6.1.5.5.7.21.1"))))],
      },
    },
    "RFC 3779 resources that the issuing CA does not have, not critical": {
      leaf: {
        extra: [extension(oids.autonomousSysIds, false, sequence(constructed(0, sequence(integer(5)))))],
      },
    },
    "Netscape certificate type for servers": { leaf: { extra: [netscapeType(6, 0x40)] } },
    "Netscape certificate type for clients": { leaf: { extra: [netscapeType(7, 0x80)] } },
    "issuing CA without subject key identifier": { issuing: { replace: { subjectKeyId: null } } },
    "subject key identifier critical": {
      leaf: {
        replace: {
          subjectKeyId: extension(oids.subjectKeyIdentifier, true, element(0x04, Uint8Array.of(1))),
        },
      },
    },
    "issuer's alternative name, critical, in the leaf": { leaf: { extra: [issuerName(true)] } },
    "issuer's alternative name, critical, in the issuing CA": { issuing: { extra: [issuerName(true)] } },
    "issuer's alternative name, not critical": { leaf: { extra: [issuerName(false)] } },
    "CRL distribution point critical": {
      leaf: {
        extra: [
          extension(
            oids.cRLDistributionPoints,
            true,
            sequence(
              sequence(constructed(0, constructed(0, primitive(6, Buffer.from("http://a.internal/"))))),
            ),
          ),
        ],
      },
    },
    "serial number negative": { leaf: { serial: element(0x02, Uint8Array.of(0x80)) } },
    "serial number 0": { leaf: { serial: integer(0) } },
    "serial number of 21 octets": { leaf: { serial: integer(Uint8Array.from({ length: 21 }, () => 1)) } },
    "two signature algorithms": { leaf: { innerAlgorithm: signatureAlgorithm("p384", "sha384") } },
    "extensions in version 1": { leaf: { version: null } },
    "no subject and no alternative name": { leaf: { subject: noName, replace: { subjectAltName: null } } },
    "no subject and alternative name not critical": { leaf: { subject: noName } },
    "leaf may sign certificates but is no CA": {
      leaf: { replace: { keyUsage: keyUsage(["digitalSignature", "keyCertSign"]) } },
    },
    "DNS name with an empty label": { leaf: { replace: names(dns("a..fleet.internal")) } },
    "DNS name with an underscore": { leaf: { replace: names(dns("a_b.fleet.internal")) } },
    "issuer's name in another string type": { leaf: { issuerName: printable("issuing") } },
    "issuer's name in another case": { leaf: { issuerName: encodeName([{ type: "CN", value: "Issuing" }]) } },
    "default value written out": {
      leaf: { extra: [sequence(oid("1.2.3.4"), Uint8Array.of(1, 1, 0), element(0x04, Uint8Array.of(5, 0)))] },
    },
  };
  return new Map(Object.entries(list));
}

/** The generator of secp256k1, uncompressed. */
const KOBLITZ_POINT =
  "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8";

/** Every extension that is known, critical and not, in each certificate of the path. */
export function extensionOddities(): ReadonlyMap<string, Oddity> {
  const made = (["root", "issuing", "leaf"] as const).flatMap((who) =>
    [...EXTENSION_RULES].flatMap(([id, { name }]) =>
      [true, false].map((critical): [string, Oddity] => {
        const value = valueOf(name, who !== "leaf");
        const whole = extension(id, critical, value);
        const slot = SLOTS[name];
        const spec: Spec = slot === undefined ? { extra: [whole] } : { replace: { [slot]: whole } };
        return [`${name} in the ${who}, ${critical ? "critical" : "not critical"}`, { [who]: spec }];
      }),
    ),
  );
  return new Map(made);
}

/** Those that every path has. */
const SLOTS: Readonly<Record<string, keyof NonNullable<Spec["replace"]>>> = {
  basicConstraints: "basicConstraints",
  keyUsage: "keyUsage",
  extKeyUsage: "extKeyUsage",
  subjectAltName: "subjectAltName",
  subjectKeyIdentifier: "subjectKeyId",
  authorityKeyIdentifier: "authorityKeyId",
};

function valueOf(name: string, isCa: boolean): Uint8Array {
  const value = (isCa ? CA_VALUES[name] : undefined) ?? VALUES[name];
  if (value !== undefined) return value;
  throw new Error(`there is no ${name} to try`);
}

const location = primitive(6, Buffer.from("http://a.internal/"));
const distributionPoints = sequence(sequence(constructed(0, constructed(0, location))));

const VALUES: Readonly<Record<string, Uint8Array>> = {
  basicConstraints: sequence(),
  keyUsage: namedBits([keyUsageBits.digitalSignature]),
  extKeyUsage: sequence(oid(oids.clientAuth)),
  subjectAltName: sequence(primitive(2, Buffer.from("a.fleet.internal"))),
  subjectKeyIdentifier: element(tags.octetString, Uint8Array.of(1)),
  authorityKeyIdentifier: sequence(),
  certificatePolicies: sequence(sequence(oid("1.2.3"))),
  policyMappings: sequence(sequence(oid("1.2.3"), oid("1.2.4"))),
  issuerAltName: sequence(primitive(2, Buffer.from("a.fleet.internal"))),
  subjectDirectoryAttributes: sequence(
    sequence(oid(oids.title), setOf(element(tags.utf8String, Buffer.from("a")))),
  ),
  nameConstraints: sequence(constructed(0, sequence(primitive(2, Buffer.from("fleet.internal"))))),
  policyConstraints: sequence(primitive(0, Uint8Array.of(9))),
  cRLDistributionPoints: distributionPoints,
  inhibitAnyPolicy: integer(9),
  freshestCRL: distributionPoints,
  authorityInfoAccess: sequence(sequence(oid(oids.ocsp), location)),
  subjectInfoAccess: sequence(sequence(oid(oids.ocsp), location)),
  ocspNoCheck: nullValue(),
  netscapeCertType: element(tags.bitString, Uint8Array.of(0, 0xff)),
  ipAddrBlocks: sequence(sequence(element(tags.octetString, Uint8Array.of(0, 1)), nullValue())),
  autonomousSysIds: sequence(constructed(0, nullValue())),
  proxyCertInfo: sequence(sequence(oid("1.3.6.1.5.5.7.21.1"))),
};

const CA_VALUES: Readonly<Record<string, Uint8Array>> = {
  basicConstraints: sequence(boolean(true)),
  keyUsage: namedBits([keyUsageBits.keyCertSign, keyUsageBits.cRLSign]),
};
