import { type Attack, inEachFamily } from "../attack.ts";
import type { LeafChanges } from "../identities/certificates.ts";
import type { Forgery } from "../identities/forgery.ts";
import { issuerOf, type SigningCa } from "../identities/issuer.ts";
import type { Identity } from "../identities/identity.ts";
import type { KeyFamily } from "../key-family.ts";

export const NEEDS_CA =
  "needs the key of the CA that issued the valid client: --client-ca and --client-ca-key";

type Described = Omit<Attack, "versions" | "plan" | "takesIdentity">;

type BelowCa = Described & {
  /** A certificate somewhere below the CA. */
  readonly forge: (forgery: Forgery, ca: SigningCa, family: KeyFamily) => Promise<Identity>;
};

/** An attack with a certificate that leads up to the clients' own CA, and that is still not valid. */
export function belowCa({ forge, ...attack }: BelowCa): Attack {
  return {
    ...attack,
    takesIdentity: true,
    versions: ["1.3", "1.2"],
    async plan({ forgery, families }) {
      const { ca } = forgery;
      if (ca === undefined) return { outcome: "not-run", reason: NEEDS_CA };
      return { attempts: await inEachFamily(families, (family) => forge(forgery, ca, family)) };
    },
  };
}

type FromCa = Described & {
  /** What is wrong with the leaf. */
  readonly changes: Omit<LeafChanges, "family" | "issuer">;
};

/** One that the clients' own CA signed itself. */
export function fromCa({ changes, ...attack }: FromCa): Attack {
  return belowCa({
    ...attack,
    forge: (forgery, ca, family) => forgery.leaf({ family, issuer: issuerOf(ca), ...changes }),
  });
}
