import { type Attack, inEachFamily } from "../attack.ts";
import { issuerFromClient } from "../identities/issuer.ts";
import { verifyClients } from "./fixes.ts";

export const leafAsCa: Attack = {
  id: "leaf-as-ca",
  title: "issued by a valid client as a CA",
  reference: "RFC 5280 section 6.1.4 (k), CVE-2002-0862",
  meaning: "every client can issue certificates in any name: basic constraints are not checked",
  fix: verifyClients,
  weight: "required",
  takesIdentity: true,
  versions: ["1.3", "1.2"],
  async plan({ forgery, families }) {
    if (forgery.control === undefined) {
      return { outcome: "not-run", reason: "needs a valid client certificate, to issue with" };
    }
    const issuer = issuerFromClient(forgery.control);
    return { attempts: await inEachFamily(families, async (family) => forgery.leaf({ family, issuer })) };
  },
};
