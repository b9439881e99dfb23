import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { buildCertificate, randomSerial } from "../../pki/certificate.ts";
import type { Certificate } from "../../pki/verify/certificate.ts";
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
import {
  type AnyKeyType,
  generateKey,
  type Hash,
  keySigner,
  keyTypeOf,
  type Signer,
} from "../../pki/keys.ts";
import { privateKeyPem } from "../../pki/key-file.ts";
import { encodeName, type NameDer } from "../../pki/name.ts";
import { oids } from "../../pki/oids.ts";
import { keyFamilies, type KeyFamily } from "../key-family.ts";
import { type Limit, turnByTurn } from "../limit.ts";
import { wireIdentity } from "../wire/dial.ts";
import type { WireIdentity } from "../wire/settings.ts";
import { type Identity, identity } from "./identity.ts";

/** A CA whose key we hold. */
export interface SigningCa {
  readonly certificate: Certificate;
  readonly signer: Signer;
  /** What a client sends after its leaf, DER: this CA where it is an intermediate, and those above it. */
  readonly chain: readonly Uint8Array[];
}

/** Whom certificates are issued to: the subject and names of a valid client. */
export interface ClientNames {
  readonly subject: NameDer;
  readonly subjectAltName: ExtensionDer;
}

/** What forgeries are made from. */
export interface ForgeryMaterial {
  /** A valid client; undefined where there is none. */
  readonly client: Identity | undefined;
  /** Gives a valid client in another key family, where one can be issued. */
  readonly reissue: ((family: KeyFamily) => Promise<Identity | undefined>) | undefined;
  /** Gives a valid client of a role, where one can be issued; it has its own names. */
  readonly issueAs?: (role: string, family: KeyFamily) => Promise<Identity | undefined>;
  /** The CA that issues valid clients, where we hold its key. */
  readonly ca: SigningCa | undefined;
  /** CAs whose keys we hold that may have issued the server's certificate. */
  readonly serverCas: readonly SigningCa[];
  readonly random: (length: number) => Uint8Array;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

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

/** Who signs, under which name; `chain` follows the leaf. */
export interface Issuer {
  readonly name: NameDer;
  readonly keyId: Uint8Array | undefined;
  readonly signer: Signer;
  readonly chain: readonly Uint8Array[];
}

const HOUR = 3_600_000;

export interface ForgedKey {
  readonly key: KeyObject;
  readonly signer: Signer;
  readonly pem: string;
}

/** Makes certificates that look like the valid client's, each wrong in its own way. */
export interface Forgery {
  readonly ca: SigningCa | undefined;
  readonly serverCas: readonly SigningCa[];
  readonly names: ClientNames;
  /** A valid client; undefined where there is none. */
  readonly control: Identity | undefined;
  /** A valid client in a key family that the server lists; the usual one where there is none. */
  controlIn(families: readonly KeyFamily[]): Promise<Identity | undefined>;
  /** A valid client of a role; undefined where none can be issued. */
  readonly member: (role: string, family: KeyFamily) => Promise<Identity | undefined>;
  /** The same client for the raw client; undefined where there is none. */
  wireClient(families: readonly KeyFamily[]): Promise<WireIdentity | undefined>;
  /** One key for each family, made when it is first needed. */
  key(family: KeyFamily): Promise<ForgedKey>;
  readonly leaf: (changes: LeafChanges) => Promise<Identity>;
  /** A CA certificate of any name. */
  authority(
    family: KeyFamily,
    name: NameDer,
    changes?: AuthorityChanges,
  ): Promise<Issuer & { readonly certificate: Uint8Array }>;
}

export function forgery(material: ForgeryMaterial): Forgery {
  const { random, now, client } = material;
  const names = namesOf(client?.chain[0]);
  const reissued = new Map<KeyFamily, Promise<Identity | undefined>>();
  const members = new Map<string, Promise<Identity | undefined>>();
  const wireClients = new Map<Identity, Promise<WireIdentity>>();
  const keys = new Map<string, Promise<ForgedKey>>();
  const keyNamed = (name: string, type: AnyKeyType) => {
    const key = keys.get(name) ?? newKey(type);
    keys.set(name, key);
    return key;
  };
  const inTurn = turnByTurn();
  const keyOf = (type: AnyKeyType) => keyNamed(type, type);
  const leaf = async ({
    family,
    issuer,
    validity = [-HOUR, HOUR],
    purposes = [oids.clientAuth],
    keyType,
    hash,
  }: LeafChanges) => {
    const key = await keyOf(keyType ?? keyTypes[family]);
    const { spki } = key.signer;
    const der = await buildCertificate(
      {
        serial: randomSerial(random),
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
          subjectKeyIdentifier(keyIdentifier(spki)),
          ...(issuer.keyId === undefined ? [] : [authorityKeyIdentifier(issuer.keyId)]),
        ],
        ...(hash === undefined ? {} : { hash }),
      },
      issuer.signer,
    );
    return identity([der, ...issuer.chain], key.pem);
  };
  const authority: Forgery["authority"] = async (
    family,
    name,
    { issuer, keyId, pathLength, nameConstraints } = {},
  ) => {
    const { signer } = await keyNamed(`authority ${family}`, keyTypes[family]);
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
  };
  const own = client && familyOf(client);
  const controlIn = async (families: readonly KeyFamily[]) => {
    const [family] = families;
    if (own === undefined || family === undefined || families.includes(own)) return client;
    const other = reissued.get(family) ?? material.reissue?.(family);
    if (other === undefined) return client;
    reissued.set(family, other);
    return (await other) ?? client;
  };
  return {
    ca: material.ca,
    serverCas: material.serverCas,
    names,
    control: client,
    controlIn,
    member(role, family) {
      const name = JSON.stringify([role, family]);
      const issued = members.get(name) ?? material.issueAs?.(role, family) ?? Promise.resolve(undefined);
      members.set(name, issued);
      return issued;
    },
    async wireClient(families) {
      const valid = await controlIn(families);
      if (valid === undefined) return undefined;
      const made = wireClients.get(valid) ?? wireIdentity(valid, async (type) => (await keyOf(type)).key);
      wireClients.set(valid, made);
      return made;
    },
    key: (family) => keyOf(keyTypes[family]),
    leaf: once(leaf, ({ issuer, ...changes }) => [issuerTerms(issuer), changes], inTurn),
    authority: once(
      authority,
      (family, name, { issuer, ...changes } = {}) => [family, name, issuer && issuerTerms(issuer), changes],
      inTurn,
    ),
  };
}

/**
 * What is asked for in the same terms is made once: a run forges the same for each endpoint and version.
 * A plan asks for dozens at a time, and connections that are open meanwhile must not wait for them all.
 */
function once<Args extends readonly unknown[], Made>(
  make: (...args: Args) => Promise<Made>,
  termsOf: (...args: Args) => unknown,
  when: Limit,
): (...args: Args) => Promise<Made> {
  const made = new Map<string, Promise<Made>>();
  return async (...args) => {
    const terms = JSON.stringify(termsOf(...args));
    const one = made.get(terms) ?? when(() => make(...args));
    made.set(terms, one);
    return one;
  };
}

function issuerTerms({ name, keyId, signer, chain }: Issuer): readonly unknown[] {
  return [name, keyId, signer.spki, chain];
}

/** Undefined for a kind of key that we do not forge. */
function familyOf(client: Identity): KeyFamily | undefined {
  const type = keyTypeOf(createPrivateKey(client.key));
  return type.startsWith("rsa") ? "rsa" : keyFamilies.find((family) => family === type);
}

/** A valid client of a CA whose key we hold. */
export async function issueClient(
  ca: SigningCa,
  family: KeyFamily,
  parts: Pick<ForgeryMaterial, "random" | "now">,
): Promise<Identity> {
  const { leaf } = forgery({ ...parts, client: undefined, reissue: undefined, ca, serverCas: [] });
  return leaf({ family, issuer: issuerOf(ca) });
}

/** An issuer out of a CA whose key we hold. */
export function issuerOf({ certificate, signer, chain }: SigningCa): Issuer {
  return { name: certificate.subject.der, keyId: subjectKeyIdOf(certificate), signer, chain };
}

/** The valid client itself as an issuer. @throws FleetsecError `input` for a key that cannot sign */
export function issuerFromClient(client: Identity): Issuer {
  const [leaf] = client.chain;
  return {
    name: leaf.subject.der,
    keyId: subjectKeyIdOf(leaf),
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

/** The key identifier of the issuer, as the certificate names it. */
export function authorityKeyIdOf({ authorityKeyId }: Certificate): Uint8Array | undefined {
  return authorityKeyId?.keyId === undefined ? undefined : Buffer.from(authorityKeyId.keyId, "hex");
}

function subjectKeyIdOf({ subjectKeyId }: Certificate): Uint8Array | undefined {
  return subjectKeyId === undefined ? undefined : Buffer.from(subjectKeyId, "hex");
}

function namesOf(client: Certificate | undefined): ClientNames {
  const names = client?.extensions.find(({ oid }) => oid === oids.subjectAltName);
  return {
    subject: client?.subject.der ?? encodeName([{ type: "CN", value: "fleetsec-probe" }]),
    subjectAltName:
      names === undefined
        ? subjectAltName([{ type: "dns", value: "fleetsec-probe" }])
        : extension(oids.subjectAltName, names.critical, names.value),
  };
}

const keyTypes: Readonly<Record<KeyFamily, AnyKeyType>> = {
  p256: "p256",
  p384: "p384",
  p521: "p521",
  rsa: "rsa2048",
  ed25519: "ed25519",
};

async function newKey(type: AnyKeyType): Promise<ForgedKey> {
  const { privateKey } = await generateKey(type);
  return { key: privateKey, signer: keySigner(privateKey), pem: privateKeyPem(privateKey) };
}
