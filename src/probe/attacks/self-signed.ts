import { type Attack, inEachFamily } from "../attack.ts";
import type { Forgery } from "../identities/forgery.ts";
import type { Identity } from "../identities/identity.ts";
import type { KeyFamily } from "../key-family.ts";
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
    attempts: await inEachFamily(families, (family) => selfSignedLeaf(forgery, family)),
  }),
};

/** In the valid client's name, signed with its own key. */
export async function selfSignedLeaf(forgery: Forgery, family: KeyFamily): Promise<Identity> {
  const { signer } = await forgery.key(family);
  const issuer = { name: forgery.names.subject, keyId: undefined, signer, chain: [] };
  return forgery.leaf({ family, issuer });
}
