import { type Attack, inEachFamily } from "../attack.ts";
import type { Forgery } from "../identities/forgery.ts";
import type { Identity } from "../identities/identity.ts";
import type { KeyFamily } from "../key-family.ts";
import { beforeClientCas } from "./before-client-cas.ts";
import { verifyClients } from "./fixes.ts";

/** Who brings a valid client's certificate along is not that client, wherever in the chain a service looks. */
export const selfSigned: Attack = {
  id: "self-signed",
  title: "self-signed, in a valid client's name",
  reference: "RFC 5280 section 6.1",
  meaning: "a certificate is demanded but not verified: anyone can make one",
  fix: verifyClients,
  weight: "essential",
  takesIdentity: true,
  versions: ["1.3", "1.2"],
  async plan({ forgery, families }) {
    const known = forgery.control?.chain[0].der;
    const attempts = await Promise.all([
      inEachFamily(families, (family) => selfSignedLeaf(forgery, family)),
      // its key is not needed: the certificate is public
      known === undefined
        ? []
        : inEachFamily(
            families.slice(0, 1),
            (family) => selfSignedLeaf(forgery, family, [known]),
            "a valid client's after it",
          ),
      inEachFamily(
        families.slice(0, 1),
        (family) => selfSignedLeaf(forgery, family, [], true),
        "a CA itself",
      ),
      beforeClientCas(forgery, families, "the clients' CA after it", (family, cas) =>
        selfSignedLeaf(forgery, family, cas),
      ),
    ]);
    return { attempts: attempts.flat() };
  },
};

/**
 * In the valid client's name, signed with its own key.
 * @param chain what is sent after it, DER
 * @param isCa it may sign others: a verifier may take each root that it is sent for one that it knows
 */
export async function selfSignedLeaf(
  forgery: Forgery,
  family: KeyFamily,
  chain: readonly Uint8Array[] = [],
  isCa = false,
): Promise<Identity> {
  const { signer } = await forgery.key(family);
  const issuer = { name: forgery.claims.subject, keyId: undefined, serial: undefined, signer, chain };
  return forgery.leaf({ family, issuer, isCa });
}
