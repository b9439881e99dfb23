import { isFlight, serverAlert } from "./evidence.ts";
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
