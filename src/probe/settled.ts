import type { Attempt, Plan } from "./attack.ts";
import { isFlight, serverAlert, wasResumed } from "./evidence.ts";
import type { Met, TriedAttack } from "./tried.ts";
import type { Judgement } from "./verdict/judgement.ts";

/**
 * Whether an attack was decided by the handshake alone, before anything was asked: then it ends in the
 * same way wherever else on the listener it leads. A bare close in TLS 1.3 may be the service's answer
 * to one path.
 */
export function isSettled({ plan, judged }: Pick<TriedAttack, "plan" | "judged">): boolean {
  // another target may be another matter, and costs nothing
  if (!("attempts" in plan)) return false;
  return judged.length === plan.attempts.length && judged.every(inHandshake);
}

function inHandshake({ attempt, encounter, unmade, judgement }: Met & { readonly judgement: Judgement }) {
  const { trace } = encounter;
  const { presented } = attempt;
  if (judgement.layer !== "tls" || judgement.outcome === "accepted" || presented === "no-tls") return false;
  // TLS 1.2 can ask for a certificate by renegotiation, once it knows the path
  if (unmade === undefined && trace.asked) return false;
  if (unmade !== undefined || serverAlert(trace) !== undefined) return true;
  if (judgement.outcome === "inconclusive") return false;
  return !trace.seen.serverFinished || (isFlight(presented) && presented.flight.silenceRefuses);
}

/**
 * What is to be tried elsewhere on the listener: of sessions, those that it took. One that it passed over left a client
 * without a certificate like others: a single one of them asks for each place.
 */
export function leftOpen({ plan, judged }: Pick<TriedAttack, "plan" | "judged">): Plan {
  if (!("attempts" in plan)) return plan;
  const wasPassedOver = ({ attempt, encounter: { trace }, unmade }: Met) =>
    attempt.presented === "session" &&
    (unmade !== undefined || (trace.seen.serverCertificates.length > 0 && !wasResumed(trace)));
  const passed = new Set(judged.filter(wasPassedOver).map(({ attempt }) => attempt));
  const asks = judged.find((one) => wasPassedOver(one) && one.unmade === undefined);
  const attempts = plan.attempts.filter((one) => !passed.has(one) || one === asks?.attempt);
  return attempts.length === 0 ? plan : { attempts };
}

/** The service is asked once by each kind of client: that it knows key families apart was seen already. */
export function onceForEachKind(plan: Plan): Plan {
  if (!("attempts" in plan)) return plan;
  const kinds = new Map<string, Attempt>();
  for (const attempt of plan.attempts) {
    if (!kinds.has(attempt.kind)) kinds.set(attempt.kind, attempt);
  }
  return { attempts: [...kinds.values()] };
}
