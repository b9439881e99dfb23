import type { Round } from "./round.ts";
import type { TriedAttack } from "./tried.ts";

/**
 * A client that offered both versions, and was met on the one that is not this round's, cannot be compared with this
 * round's control. What is unclear of it is left to the round of that version, which has met one of the same kind
 * on it too and counts what became of that one. Where it has not, it stays unclear.
 * @param rounds all on the endpoint
 */
export function leaveToOtherRound(
  tried: TriedAttack,
  { version }: Round,
  rounds: readonly Round[],
): TriedAttack {
  const judged = tried.judged.map((client) => {
    const { attempt, encounter, judgement } = client;
    const chosen = encounter.trace.seen.version;
    if (judgement.outcome !== "inconclusive" || chosen === undefined || chosen === version) return client;
    const there = rounds
      .find((round) => round.version === chosen)
      ?.tried.find(({ attack }) => attack === tried.attack);
    const isMetThere = there?.judged.some(
      (one) => one.attempt.kind === attempt.kind && one.encounter.trace.seen.version === chosen,
    );
    if (isMetThere !== true) return client;
    const evidence = `the server chose TLS ${chosen}, where it is judged by that version's control`;
    return { ...client, judgement: { ...judgement, outcome: "not-applicable" as const, evidence } };
  });
  return { ...tried, judged };
}
