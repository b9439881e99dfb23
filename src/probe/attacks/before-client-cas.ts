import { type Attempt, inEachFamily } from "../attack.ts";
import type { Forgery } from "../identities/forgery.ts";
import type { Identity } from "../identities/identity.ts";
import type { KeyFamily } from "../key-family.ts";

/**
 * A forged certificate, and behind it those of the clients' CAs, which are no secret. Services that look
 * for a CA anywhere in what was sent (CVE-2016-2402), or follow names alone up to it, find it there.
 * In one key family: it is not the key that they look at.
 * @param forge @param cas DER, to be sent last
 */
export async function beforeClientCas(
  { clientCas }: Forgery,
  families: readonly KeyFamily[],
  kind: string,
  forge: (family: KeyFamily, cas: readonly Uint8Array[]) => Promise<Identity>,
): Promise<Attempt[]> {
  if (clientCas.length === 0) return [];
  return inEachFamily(families.slice(0, 1), (family) => forge(family, clientCas), kind);
}
