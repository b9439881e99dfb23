import { type Attack, inEachFamily } from "../attack.ts";
import { issuerOf } from "../identities/issuer.ts";
import { narrowTrust } from "./fixes.ts";

/**
 * A server whose own certificate comes from a public CA often trusts that CA for clients too, by
 * way of one bundle for both. Whoever can get a certificate there is then a valid client.
 */
export const publicCa: Attack = {
  id: "public-ca",
  title: "from the CA of the server's own",
  reference: "RFC 5280 section 6.1.1 (d)",
  meaning: "the trust bundle is too wide: whoever gets a certificate from the server's CA is a client",
  fix: narrowTrust,
  weight: "required",
  takesIdentity: true,
  versions: ["1.3", "1.2"],
  async plan({ forgery, families, serverCertificates }) {
    const issuers = new Set(serverCertificates.map(({ issuer }) => issuer.key));
    if (forgery.control?.chain.some(({ issuer }) => issuers.has(issuer.key)) === true) {
      return { outcome: "not-applicable", reason: "one CA issues to the server and to clients" };
    }
    const ca = forgery.serverCas.find(({ certificate }) => issuers.has(certificate.subject.key));
    if (ca === undefined) {
      return {
        outcome: "not-run",
        reason: "needs a certificate from the CA of the server's: --identity public-ca=CERT,KEY",
      };
    }
    const issuer = issuerOf(ca);
    return { attempts: await inEachFamily(families, async (family) => forgery.leaf({ family, issuer })) };
  },
};
