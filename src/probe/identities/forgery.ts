import type { AnyKeyType } from "../../pki/keys.ts";
import type { NameDer } from "../../pki/name.ts";
import type { KeyFamily } from "../key-family.ts";
import { type Limit, turnByTurn } from "../limit.ts";
import { wireIdentity } from "../wire/dial.ts";
import type { WireIdentity } from "../wire/settings.ts";
import {
  type Authority,
  type AuthorityChanges,
  authorityOf,
  type Circumstances,
  leafCertificate,
  type LeafChanges,
} from "./certificates.ts";
import { type Claims, claimsOf, claimsOfNobody } from "./claims.ts";
import { familyOf, type ForgedKey, keyTypes, newKey } from "./forged-key.ts";
import { type Identity, identity } from "./identity.ts";
import { type Issuer, issuerOf, type SigningCa } from "./issuer.ts";

/** What forgeries are made from. */
export interface ForgeryMaterial extends Circumstances {
  /** A valid client; undefined where there is none. */
  readonly client: Identity | undefined;
  /** Gives a valid client in another key family, where one can be issued. */
  readonly reissue: ((family: KeyFamily) => Promise<Identity | undefined>) | undefined;
  /** Gives a valid client of a role, where one can be issued; it has its own names. */
  readonly issueAs?: (role: string, family: KeyFamily) => Promise<Identity | undefined>;
  /** The CA that issues valid clients, where we hold its key. */
  readonly ca: SigningCa | undefined;
  /** Certificates of the CAs above valid clients, DER, whether or not we hold a key. */
  readonly clientCas?: readonly Uint8Array[];
  /** CAs whose keys we hold that may have issued the server's certificate. */
  readonly serverCas: readonly SigningCa[];
}

/** Makes certificates that look like the valid client's, each wrong in its own way. */
export interface Forgery {
  readonly ca: SigningCa | undefined;
  readonly serverCas: readonly SigningCa[];
  /** The valid client's CAs, as far as they are known, DER: their certificates are no secret. */
  readonly clientCas: readonly Uint8Array[];
  /** What forged leaves say: all that the valid client's does. */
  readonly claims: Claims;
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
  authority(family: KeyFamily, name: NameDer, changes?: AuthorityChanges): Promise<Authority>;
}

export function forgery(material: ForgeryMaterial): Forgery {
  const { client } = material;
  const claims = client === undefined ? claimsOfNobody(material.now) : claimsOf(client.chain[0]);
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
  const leaf = async (changes: LeafChanges) => {
    const { signer, pem } = await keyOf(changes.keyType ?? keyTypes[changes.family]);
    const certificate = await leafCertificate(material, claims, signer.spki, changes);
    return identity([certificate, ...changes.issuer.chain], pem);
  };
  const authority: Forgery["authority"] = async (family, name, changes = {}) => {
    const { signer } = await keyNamed(`authority ${family}`, keyTypes[family]);
    return authorityOf(material, claims, signer, name, changes);
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
    clientCas: casAbove(material),
    claims,
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
      (family, name, { issuer, ...changes } = {}) => [
        family,
        inShort(name),
        issuer && issuerTerms(issuer),
        changes,
      ],
      inTurn,
    ),
  };
}

/** Those that the client sends, those that the user names, and those above the CA whose key we hold: each once. */
function casAbove({ client, clientCas = [], ca }: ForgeryMaterial): readonly Uint8Array[] {
  const sent = client?.chain.slice(1).map(({ der }) => der) ?? [];
  const all = [...sent, ...clientCas, ...(ca?.path ?? [])];
  return [...new Map(all.map((der) => [inShort(der), der])).values()];
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

function issuerTerms({ name, keyId, serial, signer, chain }: Issuer): readonly unknown[] {
  return [name, keyId ?? "", serial ?? "", signer.spki, ...chain].map(inShort);
}

/** As text: of bytes, JSON makes an object with a property for each. */
function inShort(part: Uint8Array | string): string {
  return Buffer.from(part).toString("base64");
}

/** A valid client of a CA whose key we hold. */
export async function issueClient(ca: SigningCa, family: KeyFamily, parts: Circumstances): Promise<Identity> {
  const { leaf } = forgery({ ...parts, client: undefined, reissue: undefined, ca, serverCas: [] });
  return leaf({ family, issuer: issuerOf(ca) });
}
