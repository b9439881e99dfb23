import { type Attack, inEachFamily } from "../attack.ts";
import { issuerOf } from "../identities/forgery.ts";
import { narrowTrust } from "./fixes.ts";

/**
 * A server whose own certificate comes from a public CA often trusts that CA for clients too, by
 * way of one bundle for both. Whoever can get a certificate there is then a valid client.
 */
export const publicCa: Attack = {
  id: "public-ca",
  title: "from the CA of the server's certificate",
  reference: "RFC 5280 section 6.1.1 (d)",
  meaning: "the trust bundle is too wide: whoever gets a certificate from the server's CA is a client",
  fix: narrowTrust,
  weight: "required",
  versions: ["1.3", "1.2"],
  async plan({ forgery, families, serverCertificates }) {
    const issuers = serverCertificates.map(({ issuer }) => issuer);
    const clientIssuers = (forgery.control?.chain ?? []).map(({ issuer }) => issuer);
    const isAmong = (names: readonly Uint8Array[], name: Uint8Array) =>
      names.some((other) => Buffer.compare(other, name) === 0);
    if (issuers.some((issuer) => isAmong(clientIssuers, issuer))) {
      return { outcome: "not-applicable", reason: "one CA issues to the server and to clients" };
    }
    const ca = forgery.serverCas.find(({ certificate }) => isAmong(issuers, certificate.subject));
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
