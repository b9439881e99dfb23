import type { Attack, Attempt } from "./attack.ts";
import type { Met, MetAttack } from "./tried.ts";
import type { Encounter } from "./verdict/judgement.ts";

/** How many may stay unanswered before it is plain that they did not wait for each other. */
const MAX_UNANSWERED = 6;

/** A server that serves one client at a time lets the others wait: those are tried again, one by one. */
export async function repeatAlone(
  all: readonly MetAttack[],
  meetAlone: (attack: Attack, attempt: Attempt) => Promise<Met>,
  isUnanswered: (met: Met) => boolean,
): Promise<void> {
  let unanswered = 0;
  for (const { attack, met } of all) {
    for (const [i, one] of met.entries()) {
      if (!hasWaitedInVain(one) && !isUnanswered(one)) continue;
      const again = await meetAlone(attack, one.attempt);
      met[i] = again;
      // it is not the others that it waited for
      if (hasWaitedInVain(again)) return;
      if (isUnanswered(again)) unanswered += 1;
      if (unanswered >= MAX_UNANSWERED) return;
    }
  }
}

/** Or the valid client did beside it, without which it cannot be judged. */
function hasWaitedInVain({ encounter, own = [] }: Met): boolean {
  return [encounter, ...own].some(waitedInVain);
}

export function waitedInVain({ trace }: Encounter): boolean {
  return trace.error === "timeout" || (trace.end === "open" && !trace.established);
}
