import {
  type AttackResult,
  type EndpointResult,
  isBypass,
  type ProbeResult,
  type Shard,
  standingOf,
  type UnreachableAddress,
} from "../probe/result.ts";
import { probeBody } from "./html/probe.ts";
import { probeDocument } from "./probe-document.ts";
import { selectionText, withSelection } from "./probe-selection.ts";
import { whereOf } from "./probe-where.ts";
import type { Check, Outcome, Place, Report, Rule } from "./report.ts";

export interface ProbeReportContext {
  readonly version: string;
  readonly time: number;
  /** Where a target is written down, if it is in a file. */
  readonly placeOf?: (target: string) => Place | undefined;
}

/** A probe's result as every report format is made from it. */
export function probeReport(
  result: ProbeResult,
  { version, time, placeOf }: ProbeReportContext,
  command = "probe",
): Report {
  const narrowed = selectionText(result.endpoints);
  return {
    command,
    version,
    time,
    headline: withSelection(headlineOf(result), result.endpoints),
    document: probeDocument(result),
    rules: rulesOf(result),
    checks: [
      ...result.endpoints.flatMap((endpoint) =>
        endpointChecks(endpoint, placeOf?.(endpoint.siblingOf ?? endpoint.target)),
      ),
      ...result.unreachable.map(unreachableCheck),
      ...(result.leftOut ?? []).map(leftOutCheck),
      ...(result.interrupted ? [INTERRUPTED] : []),
      ...(result.endpoints.length === 0 ? [NOTHING] : []),
      ...(narrowed === undefined ? [] : [{ ...NARROWED, evidence: narrowed }]),
      ...(result.missing ?? []).map(missingCheck),
    ],
    body: () => probeBody(result),
  };
}

/** The verdict on all endpoints in a line. */
function headlineOf(result: ProbeResult): string {
  const { endpoints } = result;
  const all = `${endpoints.length} ${endpoints.length === 1 ? "endpoint" : "endpoints"}`;
  const bypassed = endpoints.filter(({ attacks }) => attacks.some(isBypass)).length;
  switch (standingOf(result)) {
    case "failed":
      return `Bypassed: ${bypassed} of ${all} served a client without a valid certificate`;
    case "inconclusive":
      return "Not established: nothing is proved either way for what is listed below";
    case "passed":
      return endpoints.some(({ verdict }) => verdict === "bypassed")
        ? "Enforced but for what the baseline accepts for now"
        : `Enforced: ${endpoints.length === 1 ? "the endpoint refused" : `all ${all} refused`} every attack that was run`;
  }
}

const CONTROL: Rule = {
  id: "valid-client",
  title: "a valid client is served, before the attacks and after them",
  meaning: "where a valid client is not served, the refusal of others proves nothing",
  reference: "",
  fix: "",
};

const VERDICT: Rule = {
  id: "verdict",
  title: "a verdict is reached",
  meaning: "too little could be tried for a verdict",
  reference: "",
  fix: "",
};

const SELECTION: Rule = {
  id: "selection",
  title: "every attack is selected",
  meaning: "what was left out with --attack or --skip was not tried, and may open the endpoint",
  reference: "",
  fix: "",
};

const INTERRUPTED: Check = {
  rule: VERDICT.id,
  outcome: "inconclusive",
  subject: "the run",
  variant: "",
  evidence: "it was interrupted: what was not reached is marked as not run",
  key: ["interrupted"],
};

const NOTHING: Check = {
  ...INTERRUPTED,
  evidence: "no endpoint was probed",
  key: ["nothing"],
};

const NARROWED: Check = {
  ...INTERRUPTED,
  rule: SELECTION.id,
  outcome: "noted",
  key: ["selection"],
};

function unreachableCheck(one: UnreachableAddress): Check {
  const { target, address, reason } = one;
  return {
    ...INTERRUPTED,
    outcome: "not-run",
    subject: `${target} ${whereOf(one)}`,
    evidence: `it refuses connections (${reason})`,
    key: ["unreachable", target, address],
  };
}

function leftOutCheck({ target, reason, wanted }: NonNullable<ProbeResult["leftOut"]>[number]): Check {
  const outcome = wanted === true ? "inconclusive" : "not-run";
  const place = { path: withoutMethod(target) };
  return { ...INTERRUPTED, outcome, subject: target, evidence: reason, place, key: [target] };
}

function withoutMethod(target: string): string {
  return target.replace(/^[A-Z]+ /, "");
}

function missingCheck({ index, count, targets }: Shard): Check {
  return {
    ...INTERRUPTED,
    subject: `shard ${index}/${count}`,
    evidence: `it is missing, and with it ${targets.join(", ")}`,
    key: ["missing", String(index)],
  };
}

function rulesOf({ endpoints }: ProbeResult): Rule[] {
  const rules = new Map<string, Rule>([
    [CONTROL.id, CONTROL],
    [VERDICT.id, VERDICT],
    [SELECTION.id, SELECTION],
  ]);
  for (const { id, title, meaning, reference, fix } of endpoints.flatMap(({ attacks }) => attacks)) {
    rules.set(id, { id, title, meaning, reference, fix });
  }
  return [...rules.values()];
}

function endpointChecks(endpoint: EndpointResult, place: Place | undefined): Check[] {
  const { target, verdict, control, attacks, doubts } = endpoint;
  const check = (rule: string, tls: string | null, outcome: Outcome, evidence: string): Check => ({
    rule,
    outcome,
    subject: `${target} ${whereOf(endpoint)}`,
    variant: tls === null ? "" : `TLS ${tls}`,
    evidence,
    place: place ?? { path: withoutMethod(target) },
    // without the address: a name's addresses come and go
    key: [target, tls ?? ""],
  });
  const checks = [
    ...control.map(({ tls, outcome, evidence }) =>
      check(CONTROL.id, tls, CONTROL_OUTCOMES[outcome], evidence),
    ),
    ...attacks.map((attack) => check(attack.id, attack.tls, outcomeOf(attack), evidenceOf(attack))),
  ];
  // a doubt that no single check tells of, e.g. that an essential attack could not be run
  const told = checks.some(({ outcome }) => outcome === "inconclusive");
  if (told || (doubts.length === 0 && verdict !== "inconclusive")) return checks;
  return [...checks, check(VERDICT.id, null, "inconclusive", doubts.join("; "))];
}

/** A version that valid clients do not get either is no fault: the other one is judged. */
const CONTROL_OUTCOMES = {
  accepted: "passed",
  refused: "not-applicable",
  inconclusive: "inconclusive",
} as const;

function outcomeOf(attack: AttackResult): Outcome {
  const { outcome, reportedOnly, tolerated } = attack;
  switch (outcome) {
    case "refused":
      return "passed";
    case "accepted":
      if (reportedOnly) return "noted";
      return tolerated === undefined ? "failed" : "tolerated";
    case "inconclusive":
      // what is only reported does not stand in the way of a verdict
      return reportedOnly ? "not-run" : "inconclusive";
    case "not-applicable":
    case "not-run":
      return outcome;
  }
}

function evidenceOf({ evidence, tolerated }: AttackResult): string {
  if (tolerated === undefined) return evidence;
  return `accepted by the baseline until ${tolerated.expires}: ${tolerated.reason} (${evidence})`;
}
