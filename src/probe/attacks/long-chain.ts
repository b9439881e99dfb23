import { encodeName } from "../../pki/name.ts";
import { type Attempt, inEachFamily } from "../attack.ts";
import type { Forgery } from "../identities/forgery.ts";
import type { Identity } from "../identities/identity.ts";
import type { Issuer } from "../identities/issuer.ts";
import type { KeyFamily } from "../key-family.ts";

/** More than most depths that are set, and no more than Java takes; more than all that are usual. */
const LENGTHS = [8, 12];

/**
 * A forged certificate in a chain of many, up to a root that nobody knows. A verifier that follows a few of them,
 * or that forgives a depth it is not to go beyond, never comes to that root.
 * In one key family: it is not the key that they look at.
 * @param below how many certificates `forge` makes below the issuer that it is given, the leaf too
 */
export async function inLongChain(
  forgery: Forgery,
  families: readonly KeyFamily[],
  below: number,
  forge: (family: KeyFamily, above: Issuer) => Promise<Identity>,
): Promise<Attempt[]> {
  const above = async (family: KeyFamily, count: number) => {
    let issuer: Issuer | undefined;
    for (let at = count; at > 0; at -= 1) {
      const name = encodeName([{ type: "CN", value: `fleetsec probe unrelated CA ${at}` }]);
      issuer = await forgery.authority(family, name, { issuer });
    }
    if (issuer === undefined) throw new RangeError("a chain is never empty");
    return issuer;
  };
  const attempts = await Promise.all(
    LENGTHS.map((length) =>
      inEachFamily(
        families.slice(0, 1),
        async (family) => forge(family, await above(family, Math.max(length - below, 1))),
        `in a chain of ${length}`,
      ),
    ),
  );
  return attempts.flat();
}
