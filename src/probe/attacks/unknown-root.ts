import { encodeName } from "../../pki/name.ts";
import { type Attempt, inEachFamily } from "../attack.ts";
import type { Forgery } from "../identities/forgery.ts";
import type { Identity } from "../identities/identity.ts";
import type { Issuer } from "../identities/issuer.ts";
import type { KeyFamily } from "../key-family.ts";

const ROOT = encodeName([{ type: "CN", value: "fleetsec probe unrelated root" }]);

/**
 * A forged certificate and the CA that issued it, without the root above. To OpenSSL that is an error of the
 * CA's (20, `unable to get local issuer certificate`), and of the leaf's where that is sent alone (21): what
 * forgives the one may not forgive the other, as HAProxy's `ca-ignore-err 20`.
 * In one key family: it is not the key that they look at.
 * @param forge @param root which nobody knows, and which is not sent
 */
export async function belowUnknownRoot(
  forgery: Forgery,
  families: readonly KeyFamily[],
  forge: (family: KeyFamily, root: Issuer) => Promise<Identity>,
): Promise<Attempt[]> {
  const unsent = async (family: KeyFamily) => ({ ...(await forgery.authority(family, ROOT)), chain: [] });
  return inEachFamily(
    families.slice(0, 1),
    async (family) => forge(family, await unsent(family)),
    "its CA after it, below an unknown root",
  );
}
