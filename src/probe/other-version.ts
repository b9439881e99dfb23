import type { Attack } from "./attack.ts";
import type { Round } from "./round.ts";
import type { Met, TriedAttack } from "./tried.ts";

/**
 * What is unclear of a client and was not met on this round's version is left to the round that can judge it, where
 * that has met one of the same kind in the same way, and counts what became of that one. Otherwise it stays unclear.
 * @param rounds all on the endpoint
 */
export function leaveToOtherRound(tried: TriedAttack, round: Round, rounds: readonly Round[]): TriedAttack {
  const judged = tried.judged.map((client) => {
    if (client.judgement.outcome !== "inconclusive") return client;
    const evidence = metElsewhere(client, tried.attack, round, rounds);
    if (evidence === undefined) return client;
    return { ...client, judgement: { ...client.judgement, outcome: "not-applicable" as const, evidence } };
  });
  return { ...tried, judged };
}

/** Where such a client was met that is judged there; undefined where none was. */
function metElsewhere(
  { attempt, encounter }: Met,
  attack: Attack,
  { version, controls }: Round,
  rounds: readonly Round[],
): string | undefined {
  const isMet = ({ tried }: Round, like: (trace: Met["encounter"]["trace"]) => boolean) =>
    tried
      .filter((one) => one.attack === attack)
      .some(({ judged }) =>
        judged.some((one) => one.attempt.kind === attempt.kind && like(one.encounter.trace)),
      );
  const { opened, seen } = encounter.trace;
  const chosen = seen.version;
  // it offered both versions: this round's control says nothing of the other one
  if (chosen !== undefined && chosen !== version) {
    const there = rounds.find((round) => round.version === chosen);
    const isMetThere = there !== undefined && isMet(there, (trace) => trace.seen.version === chosen);
    return isMetThere
      ? `the server chose TLS ${chosen}, where it is judged by that version's control`
      : undefined;
  }
  // its words without TLS are the same on each version: they never came to TLS
  if (opened !== false || controls.sound) return undefined;
  const there = rounds.find(
    (round) => round.controls.sound && isMet(round, (trace) => trace.opened === false),
  );
  return there && `it never came to TLS, and is judged by the control on TLS ${there.version}`;
}
