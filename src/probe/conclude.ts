import type { Attack } from "./attack.ts";
import { combine, type Judged } from "./combine.ts";
import { leaveToOtherRound } from "./other-version.ts";
import {
  type AttackResult,
  type ControlResult,
  type EndpointResult,
  NOT_SELECTED,
  toldVersion,
} from "./result.ts";
import type { Round } from "./round.ts";
import type { TriedAttack } from "./tried.ts";
import type { Judgement } from "./verdict/judgement.ts";
import { undecidable } from "./undecidable.ts";
import { looksRefused } from "./verdict/unanswered.ts";
import { NO_TLS } from "./verdict/unmade.ts";
import type { TlsVersion } from "./wire/versions.ts";

/** What the rounds on one endpoint add up to. */
export function conclude(
  where: Pick<EndpointResult, "target" | "address" | "serverName" | "siblingOf">,
  selected: readonly Attack[],
  leftOut: readonly Attack[],
  rounds: readonly Round[],
  interrupted = false,
): EndpointResult {
  const attacks = [
    ...selected.flatMap((attack) => attack.versions.map((version) => resultOf(attack, version, rounds))),
    ...leftOut.map((attack) => notRun(attack, null, NOT_SELECTED)),
  ];
  const judged = judgeEndpoint(selected, attacks, rounds, interrupted);
  const { verdict } = judged;
  const missed = missesPlain(where, selected, rounds) ? [NOT_PLAIN] : [];
  const reasons = [...judged.reasons, ...missed];
  const doubts = [...judged.doubts, ...missed];
  return { ...where, verdict, reasons, doubts, control: rounds.flatMap(controlResult), attacks };
}

const NOT_PLAIN = "whether it serves without TLS was not tried: select the attack plaintext too";

/** A sibling port may serve in plain HTTP what its target protects. */
function missesPlain(
  { siblingOf }: Pick<EndpointResult, "siblingOf">,
  selected: readonly Attack[],
  rounds: readonly Round[],
): boolean {
  const speaksNoTls = rounds.some(({ control }) => control.some(({ evidence }) => evidence === NO_TLS));
  return siblingOf !== undefined && speaksNoTls && selected.every(({ versions }) => !versions.includes(null));
}

/** Only versions that are in use today are a part of the verdict by themselves. */
function isCurrent(version: TlsVersion | null): version is "1.2" | "1.3" {
  return version === "1.2" || version === "1.3";
}

function controlResult({ version, control, controls }: Round): ControlResult[] {
  const [first, second] = control;
  if (!isCurrent(version) || first === undefined) return [];
  const told = (judgement: Judgement): ControlResult => ({
    tls: version,
    outcome: judgement.outcome === "not-applicable" ? "refused" : judgement.outcome,
    evidence: judgement.evidence,
  });
  if (second === undefined || controls.sound) return [told(first)];
  if (first.outcome === "accepted" && first.evidence === second.evidence) {
    return [
      told({ ...second, outcome: "inconclusive", evidence: "its answers before and afterwards differ" }),
    ];
  }
  const changed = `first ${first.evidence}, afterwards ${second.evidence}`;
  return [
    first.outcome === second.outcome && first.evidence === second.evidence
      ? told(first)
      : told({ ...second, outcome: "inconclusive", evidence: changed }),
  ];
}

/** Where valid clients are not served on this version although they are on another. */
function isUnusable(round: Round, rounds: readonly Round[]): boolean {
  const consistent = round.control.every(
    ({ outcome }) => outcome === "refused" || outcome === "not-applicable",
  );
  return (
    round.control.length > 0 &&
    consistent &&
    rounds.some(({ controls, version }) => controls.sound && isCurrent(version))
  );
}

function resultOf(attack: Attack, version: TlsVersion | null, rounds: readonly Round[]): AttackResult {
  const round = rounds.find((candidate) => candidate.version === version);
  if (round === undefined) return notRun(attack, version, "not reached");
  const met = round.tried.find((candidate) => candidate.attack === attack);
  const tried = met && leaveToOtherRound(met, round, rounds);
  const judged = round.complete ? judgedIn(round, tried) : judgedSoFar(round, tried);
  if (judged.outcome === "accepted" || judged.outcome === "not-run") return toResult(attack, version, judged);
  const cannotBeUsed = isCurrent(version)
    ? isUnusable(round, rounds)
    : version !== null && !round.controls.sound;
  if (!cannotBeUsed) return toResult(attack, version, judged);
  const unclear = tried?.judged.find(
    ({ judgement, encounter }) => judgement.outcome === "inconclusive" && !looksRefused(encounter),
  );
  if (tried !== undefined && unclear !== undefined) {
    return toResult(attack, version, combine({ ...tried, judged: [unclear] }));
  }
  const evidence = round.control[0]?.evidence ?? judged.evidence;
  return toResult(attack, version, { ...judged, outcome: "not-applicable", evidence });
}

function judgedIn(round: Round, tried: TriedAttack | undefined): Judged {
  return tried === undefined ? withoutTry(round) : combine(tried);
}

const UNCONFIRMED = "interrupted before the second control";

/** Before an interruption: what was refused, or would have been with a second control, is not known. */
function judgedSoFar(round: Round, tried: TriedAttack | undefined): Judged {
  const judged = judgedIn(round, tried);
  // without TLS there is none to come: both were made with it
  const unconfirmed = round.version !== null && round.control.length < 2;
  if (judged.outcome === "refused" && unconfirmed) {
    return { ...judged, outcome: "inconclusive", evidence: UNCONFIRMED };
  }
  if (judged.outcome !== "inconclusive") return judged;
  return { ...judged, outcome: "not-run", evidence: "interrupted" };
}

/** The control's first contact made the attacks pointless. */
function withoutTry({ control }: Round): Judged {
  const [first] = control;
  if (first === undefined)
    return { outcome: "not-run", layer: "tls", evidence: "no valid client was served to compare with" };
  return first.outcome === "not-applicable" ? first : { ...first, outcome: "inconclusive" };
}

function notRun(attack: Attack, version: TlsVersion | null, evidence: string): AttackResult {
  return toResult(attack, version, { outcome: "not-run", layer: "tls", evidence });
}

function toResult(attack: Attack, version: TlsVersion | null, judged: Judged): AttackResult {
  const { id, title, meaning, reference, fix, weight } = attack;
  return {
    id,
    title,
    tls: toldVersion(version),
    outcome: judged.outcome,
    layer: judged.layer,
    evidence: judged.evidence,
    meaning,
    reference,
    fix: `nginx: ${fix.nginx}\nEnvoy: ${fix.envoy}\nHAProxy: ${fix.haproxy}\nNode: ${fix.node}\nGo: ${fix.go}`,
    reportedOnly: weight === "reported",
  };
}

/**
 * `bypassed`: a client that must be refused was accepted, whatever else is known. `enforced`: on every
 * version that valid clients can use, the control was good before and after, every attack that was
 * run was refused, and the essential ones among those selected were run. Anything else is
 * `inconclusive`. What was not run for want of a key does not stand in the way, and is listed.
 */
function judgeEndpoint(
  selected: readonly Attack[],
  results: readonly AttackResult[],
  rounds: readonly Round[],
  interrupted: boolean,
): Pick<EndpointResult, "verdict" | "reasons" | "doubts"> {
  const counted = results.filter(({ reportedOnly }) => !reportedOnly);
  const accepted = counted.filter(({ outcome }) => outcome === "accepted");
  const unclear = counted.filter(({ outcome }) => outcome === "inconclusive").map(describe);
  const doubts = interrupted
    ? [
        "interrupted before it was done",
        ...controlDoubts(rounds.filter(({ complete, control }) => complete && isOffered(control))),
        ...unclear,
      ]
    : [
        ...(rounds.some(({ version }) => isCurrent(version)) ? [] : ["no TLS version was tried"]),
        ...controlDoubts(rounds),
        ...undecidable(rounds),
        ...unclear,
        ...essentialGaps(selected, results, rounds),
      ];
  if (accepted.length > 0) return { verdict: "bypassed", reasons: accepted.map(describe), doubts };
  return { verdict: doubts.length === 0 ? "enforced" : "inconclusive", reasons: doubts, doubts };
}

function describe({ id, tls, evidence }: AttackResult): string {
  return `${id}${tls === null ? "" : ` on TLS ${tls}`}: ${evidence}`;
}

/** Of a version that the server does not offer nothing is doubtful, if another one is still to come. */
function isOffered(control: readonly Judgement[]): boolean {
  return control.some(({ outcome }) => outcome !== "not-applicable");
}

function controlDoubts(rounds: readonly Round[]): string[] {
  const current = rounds.filter(({ version }) => isCurrent(version));
  const doubtful = current.filter((round) => !round.controls.sound && !isUnusable(round, rounds));
  return doubtful
    .flatMap(controlResult)
    .map(({ tls, evidence }) => `the valid client on TLS ${tls}: ${evidence}`);
}

/** Nothing is enforced where nothing was tried. */
function essentialGaps(
  selected: readonly Attack[],
  results: readonly AttackResult[],
  rounds: readonly Round[],
): string[] {
  const usable = new Set(rounds.filter(({ controls }) => controls.sound).map(({ version }) => version));
  const essential = new Set(selected.filter(({ weight }) => weight === "essential").map(({ id }) => id));
  const gaps = results.filter(
    ({ id, tls, outcome }) =>
      essential.has(id) && usable.has(tls) && (outcome === "not-run" || outcome === "not-applicable"),
  );
  const counted = results.filter(({ reportedOnly }) => !reportedOnly);
  const decided =
    results.some(({ outcome }) => outcome === "refused" || outcome === "not-applicable") ||
    counted.some(({ outcome }) => outcome === "accepted");
  if (decided) return gaps.map(describe);
  // those that are unclear are doubts of their own
  const unclear = counted.some(({ outcome }) => outcome === "inconclusive");
  return [...(unclear ? [] : ["no attack was refused"]), ...gaps.map(describe)];
}
