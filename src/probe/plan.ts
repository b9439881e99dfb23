import { type Attack, type Attempt, type Plan, presenting, type Scene } from "./attack.ts";
import { isSession, wasResumed } from "./evidence.ts";
import type { Met, RoundSetup, TriedAttack } from "./tried.ts";

/** The clients that try an attack. */
export async function planOf({ supplied }: RoundSetup, attack: Attack, scene: Scene): Promise<Plan> {
  const identity = supplied.get(attack.id);
  if (identity === undefined) return attack.plan(scene);
  if (attack.planWith !== undefined) return attack.planWith(identity, scene);
  return { attempts: [presenting(identity, "as supplied")] };
}

/** The clients that tried another endpoint of the listener; those that ask for something ask for it here. */
export async function planAgain(setup: RoundSetup, before: TriedAttack, scene: Scene): Promise<Plan> {
  const { attack, plan } = before;
  const asks = !("attempts" in plan) || plan.attempts.some(({ protocol }) => protocol !== undefined);
  return onceForEachKind(asks ? await planOf(setup, attack, scene) : leftOpen(before));
}

/**
 * What is to be tried elsewhere on the listener: of sessions, those that it took. One that it passed over left a client
 * without a certificate like others: a single one of them asks for each place.
 */
function leftOpen({ plan, judged }: Pick<TriedAttack, "plan" | "judged">): Plan {
  if (!("attempts" in plan)) return plan;
  const wasPassedOver = ({ attempt, encounter: { trace }, unmade }: Met) =>
    isSession(attempt.presented) &&
    (unmade !== undefined || (trace.seen.serverCertificates.length > 0 && !wasResumed(trace)));
  const passed = new Set(judged.filter(wasPassedOver).map(({ attempt }) => attempt));
  const asks = judged.find((one) => wasPassedOver(one) && one.unmade === undefined);
  const attempts = plan.attempts.filter((one) => !passed.has(one) || one === asks?.attempt);
  return attempts.length === 0 ? plan : { attempts };
}

/** The service is asked once by each kind of client: that it knows key families apart was seen already. */
function onceForEachKind(plan: Plan): Plan {
  if (!("attempts" in plan)) return plan;
  const kinds = new Map<string, Attempt>();
  for (const attempt of plan.attempts) {
    if (!kinds.has(attempt.kind)) kinds.set(attempt.kind, attempt);
  }
  return { attempts: [...kinds.values()] };
}
