import type { Attack } from "../attack.ts";

/** An attack with a certificate that cannot be forged here: the user brings it along. */
export function suppliedOnly(
  attack: Omit<Attack, "versions" | "plan" | "takesIdentity"> & { readonly needs: string },
): Attack {
  const { needs, ...rest } = attack;
  return {
    ...rest,
    takesIdentity: true,
    versions: ["1.3", "1.2"],
    plan: async () => ({ outcome: "not-run", reason: `needs ${needs}: --identity ${attack.id}=CERT,KEY` }),
  };
}
