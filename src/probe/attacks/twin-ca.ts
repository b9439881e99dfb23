import { type Attack, inEachFamily } from "../attack.ts";
import type { Forgery } from "../identities/forgery.ts";
import { namedIssuerOf, type Issuer } from "../identities/issuer.ts";
import type { Identity } from "../identities/identity.ts";
import type { KeyFamily } from "../key-family.ts";
import { beforeClientCas } from "./before-client-cas.ts";
import { verifyClients } from "./fixes.ts";
import { inLongChain } from "./long-chain.ts";
import { belowUnknownRoot } from "./unknown-root.ts";

/**
 * Every CA above the valid client has a twin: the same name, byte for byte (another string type is
 * another name to Go and rustls), and another key. With the real key identifiers a verifier finds
 * the real CA and a wrong signature; with others it finds no issuer. Lax servers let different ones
 * of these errors pass, so both are tried.
 */
export const twinCa: Attack = {
  id: "twin-ca",
  title: "from a CA with the real one's name",
  reference: "RFC 5280 section 6.1.3 (a)(1)",
  meaning: "the CA is recognised by its name and not by its signature: anyone can make one of that name",
  fix: verifyClients,
  weight: "required",
  takesIdentity: true,
  versions: ["1.3", "1.2"],
  async plan({ forgery, families, protocol, version }) {
    const { control } = forgery;
    if (control === undefined) {
      return { outcome: "not-run", reason: "needs a valid client certificate, for the name of its CA" };
    }
    const kinds = [
      { kind: "the CA's key identifiers", sameKeyIds: true },
      { kind: "other key identifiers", sameKeyIds: false },
    ];
    const attempts = await Promise.all(
      kinds.map(({ kind, sameKeyIds }) =>
        inEachFamily(
          families,
          async (family) =>
            forgery.leaf({ family, issuer: await twinOf(control, forgery, family, sameKeyIds) }),
          kind,
        ),
      ),
    );
    const followed = await beforeClientCas(forgery, families, "the real CA after it", async (family, cas) => {
      const issuer = await twinOf(control, forgery, family, true);
      return forgery.leaf({ family, issuer: { ...issuer, chain: cas } });
    });
    const below = await belowUnknownRoot(forgery, families, async (family, root) => {
      const issuer = await twinOf(control, forgery, family, false, root);
      return forgery.leaf({ family, issuer });
    });
    const long = await inLongChain(forgery, families, 1 + control.chain.length, async (family, above) => {
      const issuer = await twinOf(control, forgery, family, false, above);
      return forgery.leaf({ family, issuer });
    });
    // Node hears of the wrong signature with its next read: who has asked by then is served
    const atOnce = version === "1.3" && !protocol.maySayNothing;
    return {
      attempts: [
        ...attempts.flat(),
        ...followed.map((attempt) => ({ ...attempt, atOnce })),
        ...below,
        ...long,
      ],
    };
  },
};

/**
 * The twin of the CA that issued the client, below the twins of those above it.
 * @param root that issued the topmost twin, which is sent then; self-signed and not sent unless told
 */
async function twinOf(
  client: Identity,
  forgery: Forgery,
  family: KeyFamily,
  sameKeyIds: boolean,
  root?: Issuer,
): Promise<Issuer> {
  let twin: Issuer | undefined = root;
  // the issuer of the topmost certificate is the root, which clients do not send
  for (const certificate of client.chain.toReversed()) {
    const named = namedIssuerOf(certificate);
    const changes = { issuer: twin, ...(sameKeyIds ? named : {}) };
    const next = await forgery.authority(family, certificate.issuer.der, changes);
    // a certificate that names no key identifier fits the real CA, whatever that one's is
    const keyId = sameKeyIds ? named.keyId : next.keyId;
    twin = { ...next, keyId, chain: twin === undefined ? [] : next.chain };
  }
  if (twin === undefined) throw new RangeError("a chain is never empty");
  return twin;
}
