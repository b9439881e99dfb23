import type { Platform } from "../../platform/platform.ts";
import type { PkiSettings } from "../authority.ts";
import { newKey, subjectOf } from "../issue.ts";
import { certify } from "../issuers/certify.ts";
import type { Issuer } from "../issuers/issuer.ts";
import type { PkiPlatform } from "../state.ts";
import { type Maker, maker } from "./maker.ts";
import { threadMaker } from "./thread.ts";

/** Certificates for which a thread is worth the time that it takes to start. */
const WORTH_THREADS = 100;

/** Makers, and what ends their threads. */
export interface Makers {
  readonly makers: readonly Maker[];
  readonly end: () => Promise<void>;
}

/**
 * A maker for each processor where the CA's key can be handed to threads; else one, in this thread:
 * a service, or a key in hardware, is what takes the time then.
 * @throws FleetsecError what unlocking the CA throws
 */
export async function startMakers(
  platform: PkiPlatform & Pick<Platform, "threads">,
  issuer: Issuer,
  settings: PkiSettings,
  certificates: number,
): Promise<Makers> {
  const privateKey = issuer.kind === "local" ? (await issuer.signer()).privateKey : undefined;
  if (issuer.kind !== "local" || privateKey === undefined || certificates < WORTH_THREADS) {
    const own = maker(platform.files, async (plan) => {
      const key = await newKey(plan.keyType);
      return { signed: await certify(platform, issuer, settings, plan, subjectOf(plan, key)), key: key.pem };
    });
    return { makers: [own], end: async () => {} };
  }
  const { available, pool } = platform.threads;
  // a pool for each: a maker has its batch in memory
  const pools = Array.from({ length: available }, () => pool("issue-fleet", 1));
  return {
    makers: await Promise.all(pools.map((own) => threadMaker(own, issuer, settings, privateKey))),
    end: async () => void (await Promise.all(pools.map((own) => own.close()))),
  };
}
