import { type Attack, inEachFamily } from "../attack.ts";
import { verifyClients } from "./fixes.ts";

export const selfSigned: Attack = {
  id: "self-signed",
  title: "self-signed, in a valid client's name",
  reference: "RFC 5280 section 6.1",
  meaning: "a certificate is demanded but not verified: anyone can make one",
  fix: verifyClients,
  weight: "essential",
  takesIdentity: true,
  versions: ["1.3", "1.2"],
  plan: async ({ forgery, families }) => ({
    attempts: await inEachFamily(families, async (family) => {
      const { signer } = await forgery.key(family);
      return forgery.leaf({
        family,
        issuer: { name: forgery.names.subject, keyId: undefined, signer, chain: [] },
      });
    }),
  }),
};
