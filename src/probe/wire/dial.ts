import { createPrivateKey, type KeyObject } from "node:crypto";
import { type AnyKeyType, keyTypeOf } from "../../pki/keys.ts";
import type { TlsDial } from "../exchange.ts";
import type { Identity } from "../identities/identity.ts";
import type { WireAttempt } from "./attempt.ts";
import type { ResumableSession } from "./session-ticket.ts";
import { type Settings, settings, type WireIdentity, type WireVersion } from "./settings.ts";

/** What the raw client needs of the outside. */
export interface WireOutside {
  readonly random: (length: number) => Uint8Array;
  /** Milliseconds since an arbitrary instant. */
  readonly now: () => number;
}

/**
 * A valid client as the raw client presents it, with keys that are not its own: one of its kind and
 * one of another.
 * @param strangersKey gives a key that is no valid client's
 */
export async function wireIdentity(
  { chain, key }: Identity,
  strangersKey: (type: AnyKeyType) => Promise<KeyObject>,
): Promise<WireIdentity> {
  const own = createPrivateKey(key);
  const type = keyTypeOf(own);
  const other = type === "p256" ? "rsa2048" : "p256";
  const impostors = await Promise.all([strangersKey(type), strangersKey(other)]);
  return { chain: chain.map(({ der }) => der), key: own, impostors };
}

/**
 * The settings of one client of an attack. The server is not judged: what it is asked is whether it
 * lets an attacker in, and nothing secret is sent to it.
 * @param valid the valid client; undefined where there is none, and the attempt needs none
 * @param session what an attempt that resumes was given before
 */
export function wireSettings(
  dial: Pick<TlsDial, "serverName" | "alpn"> & { readonly version: WireVersion },
  { script, presents, helloFragment }: WireAttempt,
  valid: WireIdentity | undefined,
  { random, now }: WireOutside,
  session?: ResumableSession,
): Settings {
  return settings({
    version: dial.version,
    serverName: dial.serverName,
    alpn: dial.alpn,
    identity: presents === "valid" ? valid : undefined,
    script,
    session,
    random,
    now,
    trust: () => true,
    ...(helloFragment === undefined ? {} : { helloFragment }),
  });
}
