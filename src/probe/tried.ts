import type { Attack, Attempt, Other, Plan } from "./attack.ts";
import type { Endpoint, Meet } from "./endpoint.ts";
import type { Forgery } from "./identities/forgery.ts";
import type { Identity } from "./identities/identity.ts";
import { judgeMet } from "./own-control.ts";
import type { NewestVersion } from "./strangers.ts";
import type { Controls, Encounter, Judgement, Setting } from "./verdict/judgement.ts";

/** What a round is made with. */
export interface RoundSetup {
  readonly endpoint: Endpoint;
  readonly meet: Meet;
  readonly alone: Meet;
  readonly forgery: Forgery;
  /** Identities that the user supplied, by attack. */
  readonly supplied: ReadonlyMap<string, Identity>;
  /** The other listeners that are probed. */
  readonly others: readonly Other[];
  readonly newest: NewestVersion;
  readonly signal: AbortSignal;
}

/** What became of one attack: its clients, or why there were none. */
export interface TriedAttack {
  readonly attack: Attack;
  readonly plan: Plan;
  /** As far as they were made, in the order of the plan. */
  readonly judged: readonly (Met & { readonly judgement: Judgement })[];
  /** Why some were not made, where that was no interruption. */
  readonly cutShort?: string | undefined;
}

/** One attempt's connection. */
export interface Met {
  readonly attempt: Attempt;
  readonly encounter: Encounter;
  /** Why the attempt could not be made: the encounter is what should have led to it. */
  readonly unmade?: string;
  /** The valid client that asked in the same way, where that has to be known: twice where answers differ. */
  readonly own?: readonly Encounter[];
  /** How the service knows it from a valid client, where both are denied alike; null where it was not seen to. */
  readonly apart?: string | null;
}

export interface MetAttack {
  readonly attack: Attack;
  readonly plan: Plan;
  readonly met: Met[];
}

export function judgeAll(
  { attack, plan, met }: MetAttack,
  controls: Controls,
  setting: Setting,
  cutShort?: string,
): TriedAttack {
  return {
    attack,
    plan,
    cutShort,
    judged: met.map((one) => ({ ...one, judgement: judgeMet(one, controls, setting) })),
  };
}
