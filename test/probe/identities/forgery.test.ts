import { beforeAll, describe, expect, test } from "vitest";
import { buildCertificate, randomSerial } from "../../../src/pki/certificate.ts";
import { element, octetString, oid, sequence } from "../../../src/pki/der/write.ts";
import { generateKey, keySigner } from "../../../src/pki/keys.ts";
import { encodeName } from "../../../src/pki/name.ts";
import { oids } from "../../../src/pki/oids.ts";
import { encodePem } from "../../../src/pki/pem.ts";
import type { Certificate } from "../../../src/pki/verify/certificate.ts";
import { attackNamed } from "../../../src/probe/attacks.ts";
import type { Scene } from "../../../src/probe/attack.ts";
import { type Forgery, forgery } from "../../../src/probe/identities/forgery.ts";
import type { Identity } from "../../../src/probe/identities/identity.ts";
import { issuerFromClient, issuerOf } from "../../../src/probe/identities/issuer.ts";
import { selfSignedLeaf } from "../../../src/probe/attacks/self-signed.ts";
import { richClient } from "../support/certificates.ts";
import { materialOf, newWorld, signing, type World } from "../support/probing.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

/** Forges, beside a valid client. */
function forging() {
  const forged = forgery(materialOf(world));
  const [valid] = forged.control?.chain ?? [];
  if (valid === undefined) throw new Error("no valid client");
  return { forged, valid };
}

describe("a forged leaf has the valid client's serial number and key identifier, and another key", () => {
  test.each([
    ["self-signed", async () => selfSignedLeaf(forging().forged, "p256")],
    [
      "of another CA",
      async () => {
        const { forged } = forging();
        const issuer = await forged.authority("p256", encodeName([{ type: "CN", value: "stranger" }]));
        return forged.leaf({ family: "p256", issuer });
      },
    ],
    [
      "of the clients' CA",
      async () => forging().forged.leaf({ family: "p256", issuer: issuerOf(signing(world.ca)) }),
    ],
  ])("%s", async (_what, forge) => {
    const { valid } = forging();
    const [leaf] = (await forge()).chain;
    expect(leaf.serial).toBe(valid.serial);
    expect(valid.subjectKeyId).toBeDefined();
    expect(leaf.subjectKeyId).toBe(valid.subjectKeyId);
    expect(leaf.spki).not.toEqual(valid.spki);
  });

  test("but not that key identifier below the client itself: it would pass for self-signed", async () => {
    const { forged, valid } = forging();
    const control = forged.control;
    if (control === undefined) throw new Error("no valid client");
    const [leaf] = (await forged.leaf({ family: "p256", issuer: issuerFromClient(control) })).chain;
    expect(leaf.serial).toBe(valid.serial);
    expect(leaf.authorityKeyId?.keyId).toBe(valid.subjectKeyId);
    expect(leaf.subjectKeyId).not.toBe(valid.subjectKeyId);
  });
});

test("without a valid client, each leaf has a serial number of its own", async () => {
  const forged = forgery({ ...materialOf(world), client: undefined, reissue: undefined });
  const issuer = issuerOf(signing(world.ca));
  const [one] = (await forged.leaf({ family: "p256", issuer })).chain;
  const [other] = (await forged.leaf({ family: "p256", issuer, purposes: [] })).chain;
  expect(one.serial).not.toBe(other.serial);
});

/** What an attack presents, by kind. */
async function presentedBy(id: string, forged: Forgery): Promise<Map<string, Identity>> {
  const plan = await attackNamed(id).plan({ forgery: forged, families: ["p256"] } as unknown as Scene);
  if (!("attempts" in plan)) throw new Error(plan.reason);
  return new Map(plan.attempts.flatMap(({ kind, identity }) => (identity ? [[kind, identity]] : [])));
}

const KEYS: readonly string[] = [oids.subjectKeyIdentifier, oids.authorityKeyIdentifier];
/** Everything that it says of other things than keys, as it stands. */
const said = ({ extensions, ...rest }: Certificate, but: readonly string[] = []) => ({
  subject: rest.subject.der,
  serial: rest.serial,
  notBefore: rest.notBefore,
  notAfter: rest.notAfter,
  extensions: extensions.filter((one) => !KEYS.includes(one.oid) && !but.includes(one.oid)),
});
const extensionOf = ({ extensions }: Certificate, id: string) => extensions.find((one) => one.oid === id);

/** Kinds of which something else is said: by what attack, what, and where. */
const OTHERWISE: Readonly<
  Record<string, [id: string, hasThat: (leaf: Certificate) => void, extensions: readonly string[]]>
> = {
  "a CA itself": [
    "self-signed",
    ({ basicConstraints, keyUsage }) => {
      expect(basicConstraints?.ca).toBe(true);
      expect(keyUsage).toContain("keyCertSign");
    },
    [oids.basicConstraints, oids.keyUsage],
  ],
  "with its root, the extended key usage left out or put in": [
    "wrong-ca",
    ({ extendedKeyUsage }) => expect(extendedKeyUsage).toBeUndefined(),
    [oids.extKeyUsage],
  ],
};

describe("a forged leaf says all that a valid client's says, however much that is", () => {
  const rich = async (days = 3) => {
    const client = await richClient(world.ca, world.root, { critical: true, days });
    const forged = forgery(materialOf({ ...world, client }));
    const [valid] = forged.control?.chain ?? [];
    if (valid === undefined) throw new Error("no valid client");
    return { forged, valid };
  };

  test.each([
    "self-signed",
    "wrong-ca",
    "twin-ca",
    "leaf-as-ca",
    "path-length",
    "name-constraint",
    "sha1-signature",
  ])("%s", async (id) => {
    const { forged, valid } = await rich();
    for (const [kind, { chain }] of await presentedBy(id, forged)) {
      if (Object.hasOwn(OTHERWISE, kind)) continue;
      expect(said(chain[0])).toEqual(said(valid));
      expect(chain[0].spki).not.toEqual(valid.spki);
    }
  });

  test.each(Object.entries(OTHERWISE))(
    "%s is another in that alone",
    async (kind, [id, hasThat, extensions]) => {
      const { forged, valid } = await rich();
      const [leaf] = (await presentedBy(id, forged)).get(kind)?.chain ?? [];
      if (leaf === undefined) throw new Error("none is presented");
      hasThat(leaf);
      expect(said(leaf, extensions)).toEqual(said(valid, extensions));
    },
  );

  test.each<[string, number, (of: Certificate, valid: Certificate) => void]>([
    [
      "expired",
      30,
      ({ notBefore, notAfter }, valid) => {
        expect(notBefore).toBe(valid.notBefore);
        expect(notAfter).toBeLessThan(Date.now());
      },
    ],
    // it cannot begin when the client does, which was less than a day ago: then it lives as long
    [
      "expired",
      0.5,
      ({ notBefore, notAfter }, valid) => {
        expect(notAfter - notBefore).toBe(valid.notAfter - valid.notBefore);
        expect(notAfter).toBeLessThan(Date.now());
      },
    ],
    [
      "not-yet-valid",
      30,
      ({ notBefore, notAfter }, valid) => {
        expect(notBefore).toBeGreaterThan(Date.now());
        expect(notAfter).toBe(valid.notAfter);
      },
    ],
    [
      "not-yet-valid",
      0.5,
      ({ notBefore, notAfter }, valid) => {
        expect(notBefore).toBeGreaterThan(Date.now());
        expect(notAfter - notBefore).toBe(valid.notAfter - valid.notBefore);
      },
    ],
  ])("%s is another in its dates alone, below a client of %d days each way", async (id, days, hasDates) => {
    const { forged, valid } = await rich(days);
    const [leaf] = (await presentedBy(id, forged)).get("")?.chain ?? [];
    if (leaf === undefined) throw new Error("none is presented");
    hasDates(leaf, valid);
    const { notBefore, notAfter } = valid;
    expect({ ...said(leaf), notBefore, notAfter }).toEqual(said(valid));
    expect(extensionOf(leaf, oids.authorityKeyIdentifier)).toEqual(
      extensionOf(valid, oids.authorityKeyIdentifier),
    );
  });

  test.each([
    ["server-auth-only", [oids.serverAuth]],
    ["no-eku", undefined],
  ])("%s is another in its purposes alone", async (id, purposes) => {
    const { forged, valid } = await rich();
    const [leaf] = (await presentedBy(id, forged)).get("")?.chain ?? [];
    if (leaf === undefined) throw new Error("none is presented");
    expect(leaf.extendedKeyUsage).toEqual(purposes);
    expect(said(leaf, [oids.extKeyUsage])).toEqual(said(valid, [oids.extKeyUsage]));
  });

  test("it names its issuer as the client does where that is true of the issuer, and only there", async () => {
    const { forged, valid } = await rich();
    const own = extensionOf(valid, oids.authorityKeyIdentifier);
    const leafOf = async (id: string, kind = "") => {
      const [leaf, issuer] = (await presentedBy(id, forged)).get(kind)?.chain ?? [];
      if (leaf === undefined) throw new Error("none is presented");
      return { named: extensionOf(leaf, oids.authorityKeyIdentifier), leaf, issuer };
    };
    const twin = await leafOf("twin-ca", "the CA's key identifiers");
    expect(twin.named).toEqual(own);
    // it was sent with the twin of the CA, which is the one that is named
    expect(twin.issuer?.serial).toBe(valid.authorityKeyId?.serial);
    expect(twin.issuer?.subjectKeyId).toBe(valid.authorityKeyId?.keyId);
    const other = await leafOf("twin-ca", "other key identifiers");
    expect(other.leaf.authorityKeyId).toEqual({ keyId: other.issuer?.subjectKeyId, serial: undefined });
    expect(other.leaf.authorityKeyId?.keyId).not.toBe(valid.authorityKeyId?.keyId);
    expect((await leafOf("self-signed")).named).toBeUndefined();
    expect((await leafOf("leaf-as-ca")).leaf.authorityKeyId?.keyId).toBe(valid.subjectKeyId);
  });

  test("the CAs above it live as long, under the same policies", async () => {
    const { forged, valid } = await rich();
    const [, ...above] = (await presentedBy("path-length", forged)).get("")?.chain ?? [];
    const made = above.slice(0, 2);
    expect(made).toHaveLength(2);
    for (const ca of made) {
      expect([ca.notBefore, ca.notAfter]).toEqual([valid.notBefore, valid.notAfter]);
      expect(extensionOf(ca, oids.certificatePolicies)).toEqual(extensionOf(valid, oids.certificatePolicies));
    }
  });
});

describe("behind a forged leaf stand the clients' CAs", () => {
  const cas = () => [world.ca.der, world.root.der].map((der) => Buffer.from(der).toString("base64"));
  const chainOf = async (id: string, kind: string, forged: Forgery) =>
    (await presentedBy(id, forged)).get(kind)?.chain.map(({ der }) => Buffer.from(der).toString("base64"));

  test.each([
    ["self-signed", "the clients' CA after it", 0],
    ["wrong-ca", "its root and the clients' CA after it", 1],
    ["twin-ca", "the real CA after it", 0],
  ])("%s: %s, each once", async (id, kind, between) => {
    const { forged } = forging();
    const chain = await chainOf(id, kind, forged);
    expect(chain).toHaveLength(1 + between + 2);
    expect(chain?.slice(1 + between)).toEqual(cas());
  });

  test("as far as the client itself sends them, where the CA's key is not at hand", async () => {
    const forged = forgery({ ...materialOf(world), ca: undefined });
    expect((await chainOf("self-signed", "the clients' CA after it", forged))?.slice(1)).toEqual(
      cas().slice(0, 1),
    );
  });

  test("and nothing is tried where none is known", async () => {
    const alone = { ...world.client, pem: encodePem("CERTIFICATE", world.client.der) };
    const forged = forgery({ ...materialOf({ ...world, client: alone }), ca: undefined });
    expect(await chainOf("self-signed", "the clients' CA after it", forged)).toBeUndefined();
    expect(await chainOf("self-signed", "", forged)).toHaveLength(1);
  });
});

describe("what no good certificate has is copied too", () => {
  /** @param extensions whole, DER */
  const clientWith = async (...extensions: Uint8Array[]) => {
    const { privateKey } = await generateKey("p256");
    const { spki } = keySigner(privateKey);
    const der = await buildCertificate(
      {
        serial: randomSerial((length) => new Uint8Array(length).fill(7)),
        issuer: world.ca.name,
        subject: encodeName([{ type: "CN", value: "client" }]),
        notBefore: Date.now(),
        notAfter: Date.now() + 3_600_000,
        spki,
        extensions,
      },
      world.ca.signer,
    );
    const keyPem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    return forgery(materialOf({ ...world, client: { der, keyPem, pem: encodePem("CERTIFICATE", der) } }));
  };
  const leafIn = async (forged: Forgery) => {
    const [leaf] = (await presentedBy("self-signed", forged)).get("")?.chain ?? [];
    if (leaf === undefined) throw new Error("none is presented");
    return leaf;
  };

  test("a default value that is written out, which DER forbids and OpenSSL takes", async () => {
    const FALSE = element(0x01, Uint8Array.of(0));
    const odd = sequence(oid("1.3.6.1.4.1.32473.1"), FALSE, octetString(Buffer.from("role=admin")));
    const { der } = await leafIn(await clientWith(odd));
    expect(Buffer.from(der).includes(Buffer.from(odd))).toBe(true);
  });

  test("an extension of 60 KiB, and two of one kind", async () => {
    const large = sequence(oid("1.3.6.1.4.1.32473.1"), octetString(new Uint8Array(61_440)));
    const { der } = await leafIn(await clientWith(large, large));
    expect(Buffer.from(der).includes(Buffer.concat([large, large]))).toBe(true);
  });

  test("no extension at all, but the key's identifier", async () => {
    const leaf = await leafIn(await clientWith());
    expect(leaf.extensions.map((one) => one.oid)).toEqual([oids.subjectKeyIdentifier]);
  });
});
