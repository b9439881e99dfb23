import type { Round } from "./round.ts";
import type { Encounter } from "./verdict/judgement.ts";

/**
 * What an essential attack was told, where no run could judge it: the service may refuse its clients in that way, and
 * it may be what lets them wait. A sentence for each TLS version on which valid clients were served.
 */
export function undecidable(rounds: readonly Round[]): string[] {
  return rounds.flatMap(({ version, controls, tried }) => {
    const isAnswered = controls.good.some(({ answer }) => answer !== undefined);
    if (version === null || !controls.sound || !isAnswered) return [];
    const unclear = tried
      .filter(({ attack }) => attack.weight === "essential")
      .flatMap(({ judged }) => judged)
      .filter(({ judgement }) => judgement.outcome === "inconclusive");
    const told = [...new Set(unclear.flatMap(({ encounter }) => toldWhat(encounter) ?? []))];
    return told.map((what) => `clients without a valid certificate on TLS ${version}: ${what}; ${REMEDY}`);
  });
}

const REMEDY =
  "where that is how they are refused, let the service deny (403) or close the connection (HAProxy: http-request deny, in place of reject over HTTP/2 and of silent-drop)";

function toldWhat({ answer, trace }: Encounter): string | undefined {
  if (answer?.meaning === "overloaded")
    return `${answer.label}, while valid ones are served: no run can tell a refusal in these words from an overload or a fault`;
  const isSilent =
    answer === undefined && trace.established && trace.end === "open" && trace.received.length === 0;
  return isSilent
    ? "nothing in time, while valid ones are answered: no run can tell such a refusal from a late answer"
    : undefined;
}
