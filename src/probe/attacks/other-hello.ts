import { type Attack, type HelloChanges, inEachFamily, withHello } from "../attack.ts";
import { verifyClients } from "./fixes.ts";
import { selfSignedLeaf } from "./self-signed.ts";

/** As embedded clients have it that do without AES. */
const CHACHA20_FIRST =
  "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DEFAULT:@SECLEVEL=0";

/**
 * The control offers one version of TLS, so that each is judged by itself; ordinary clients offer both.
 * Whom Go's GetConfigForClient asks for a certificate may hang on that, or on what else is offered.
 * The control of each version judges what is chosen: where that is the other version, the other round does.
 */
export const otherHello: Attack = {
  id: "other-hello",
  title: "offering what ordinary clients offer",
  reference: "RFC 8446 section 4.1.2 and appendix D",
  meaning: "what the ClientHello offers decides whether certificates are demanded",
  fix: verifyClients,
  weight: "required",
  takesIdentity: false,
  versions: ["1.3", "1.2"],
  async plan({ forgery, families, version }) {
    const both: HelloChanges = { bothVersions: true };
    // over TLS 1.2 these are tried by a client of TLS 1.2 alone: the other one was met over TLS 1.3
    const offer = version === "1.3" ? both : {};
    const selfSigned = await inEachFamily(families.slice(0, 1), (family) => selfSignedLeaf(forgery, family));
    return {
      attempts: [
        withHello(both, "both versions"),
        ...selfSigned.map((attempt) => ({ ...attempt, kind: "self-signed, both versions", hello: both })),
        // what marks old and small clients: whom one of the two excuses, both do
        withHello({ ...offer, groups: "P-256", withoutTickets: true }, "P-256 alone, no tickets"),
        withHello({ ...offer, ciphers: CHACHA20_FIRST }, "ChaCha20 first"),
      ],
    };
  },
};
