import { encodeName } from "../../pki/name.ts";
import { oids } from "../../pki/oids.ts";
import { type Attack, inEachFamily } from "../attack.ts";
import type { KeyFamily } from "../key-family.ts";
import { beforeClientCas } from "./before-client-cas.ts";
import { inLongChain } from "./long-chain.ts";
import { belowUnknownRoot } from "./unknown-root.ts";
import { verifyClients } from "./fixes.ts";

const STRANGER = encodeName([{ type: "CN", value: "fleetsec probe unrelated CA" }]);

/**
 * With and without the stranger's root: some servers trust what a client brings along, or look for their CA in it.
 * With the valid client's purposes, and otherwise: some verifiers go by these first.
 */
export const wrongCa: Attack = {
  id: "wrong-ca",
  title: "from an unrelated CA",
  reference: "RFC 5280 section 6.1.1",
  meaning: "certificates are not checked against the clients' CA: any CA will do",
  fix: verifyClients,
  weight: "essential",
  takesIdentity: true,
  versions: ["1.3", "1.2"],
  async plan({ forgery, families }) {
    const stranger = (family: KeyFamily) => forgery.authority(family, STRANGER);
    const kinds = [
      { kind: "leaf alone", withRoot: false },
      { kind: "with its root", withRoot: true },
    ];
    const attempts = await Promise.all(
      kinds.map(({ kind, withRoot }) =>
        inEachFamily(
          families,
          async (family) => {
            const issuer = await stranger(family);
            return forgery.leaf({ family, issuer: withRoot ? issuer : { ...issuer, chain: [] } });
          },
          kind,
        ),
      ),
    );
    const followed = await beforeClientCas(
      forgery,
      families,
      "its root and the clients' CA after it",
      async (family, cas) => {
        const issuer = await stranger(family);
        return forgery.leaf({ family, issuer: { ...issuer, chain: [...issuer.chain, ...cas] } });
      },
    );
    const below = await belowUnknownRoot(forgery, families, async (family, root) => {
      const issuer = await forgery.authority(family, STRANGER, { issuer: root });
      return forgery.leaf({ family, issuer });
    });
    const long = await inLongChain(forgery, families, 2, async (family, above) => {
      const issuer = await forgery.authority(family, STRANGER, { issuer: above });
      return forgery.leaf({ family, issuer });
    });
    const otherPurposes = await inEachFamily(
      families.slice(0, 1),
      async (family) => {
        const purposes = forgery.claims.extensions.some(({ oid }) => oid === oids.extKeyUsage)
          ? []
          : [oids.clientAuth];
        return forgery.leaf({ family, issuer: await stranger(family), purposes });
      },
      "with its root, the extended key usage left out or put in",
    );
    return { attempts: [...attempts.flat(), ...followed, ...below, ...long, ...otherPurposes] };
  },
};
