import { type Attack, inEachFamily } from "../attack.ts";
import { type Issuer, issuerOf, type LeafChanges } from "../identities/forgery.ts";

type FromCa = Omit<Attack, "versions" | "plan" | "takesIdentity"> & {
  /** What is wrong with the leaf. */
  readonly changes: Omit<LeafChanges, "family" | "issuer">;
};

/** An attack with a certificate that the clients' own CA signed, and that is still not valid. */
export function fromCa({ changes, ...attack }: FromCa): Attack {
  return {
    ...attack,
    takesIdentity: true,
    versions: ["1.3", "1.2"],
    async plan({ forgery, families }) {
      if (forgery.ca === undefined) {
        return {
          outcome: "not-run",
          reason: "needs the key of the CA that issued the valid client: --client-ca and --client-ca-key",
        };
      }
      const issuer: Issuer = issuerOf(forgery.ca);
      return {
        attempts: await inEachFamily(families, async (family) =>
          forgery.leaf({ family, issuer, ...changes }),
        ),
      };
    },
  };
}
