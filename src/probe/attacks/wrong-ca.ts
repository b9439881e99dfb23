import { encodeName } from "../../pki/name.ts";
import { type Attack, inEachFamily } from "../attack.ts";
import { verifyClients } from "./fixes.ts";

const STRANGER = encodeName([{ type: "CN", value: "fleetsec probe unrelated CA" }]);

/** With and without the stranger's root: some servers trust what a client brings along. */
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
    const kinds = [
      { kind: "leaf alone", withRoot: false },
      { kind: "with its root", withRoot: true },
    ];
    const attempts = await Promise.all(
      kinds.map(({ kind, withRoot }) =>
        inEachFamily(
          families,
          async (family) => {
            const issuer = await forgery.authority(family, STRANGER);
            return forgery.leaf({ family, issuer: withRoot ? issuer : { ...issuer, chain: [] } });
          },
          kind,
        ),
      ),
    );
    return { attempts: attempts.flat() };
  },
};
