import { NAMES_HTTP3 } from "../probe/answer.ts";
import {
  type AttackResult,
  type EndpointResult,
  isBypass,
  isUnselected,
  NOT_SELECTED,
  type ProbeResult,
  type Verdict,
} from "../probe/result.ts";
import { escapeText } from "./escape.ts";
import { groupBy } from "./group-by.ts";
import { gatheredDoubts } from "./probe-doubts.ts";
import { withSelection } from "./probe-selection.ts";
import { probeMatrix } from "./probe-matrix.ts";
import { whereOf } from "./probe-where.ts";
import type { Style } from "./style.ts";
import { wrap } from "./wrap.ts";

export interface ProbeTextOptions {
  readonly style: Style;
  /** Of the terminal, in characters. */
  readonly columns: number;
}

/** A probe's result for a person: a matrix, the findings and a verdict for each endpoint, a summary. */
export function probeText(result: ProbeResult, options: ProbeTextOptions): string {
  const parts = result.endpoints.map((endpoint) => endpointText(endpoint, options));
  return [...parts, summaryText(result, options)].join("\n\n");
}

function endpointText(endpoint: EndpointResult, options: ProbeTextOptions): string {
  const { style, columns } = options;
  const headline = style.strong(hanging("", escapeText(`${endpoint.target} ${whereOf(endpoint)}`), columns));
  const untried = withoutTry(endpoint);
  if (untried !== undefined) {
    const told = style.unsure(hanging("? ", escapeText(untried), columns));
    return [headline, told, verdictLine(endpoint, options)].join("\n");
  }
  return [
    headline,
    probeMatrix(endpoint, options),
    ...findings(endpoint, options),
    ...doubtful(endpoint, options),
    ...notRun(endpoint, columns),
    ...notices(endpoint, columns),
    verdictLine(endpoint, options),
  ].join("\n");
}

/** In place of a matrix that says the same of every attack: there was no connection to try them on. */
function withoutTry({ attacks, control, doubts }: EndpointResult): string | undefined {
  const wanted = new Set(attacks.filter((one) => !isUnselected(one)).map(({ id }) => id));
  const rest = `: ${wanted.size} ${wanted.size === 1 ? "attack" : "attacks"} not tried`;
  const tried = attacks.filter(({ outcome }) => outcome !== "not-run");
  const [first] = tried;
  if (first === undefined) return control.length === 0 ? `${doubts.join("; ")}${rest}` : undefined;
  const isSame = ({ outcome, evidence }: Pick<AttackResult, "outcome" | "evidence">) =>
    outcome === "inconclusive" && evidence === first.evidence;
  if (![...tried, ...control].every(isSame)) return undefined;
  return `${first.layer === "tcp" ? "not reachable" : "nothing to attack"} (${first.evidence})${rest}`;
}

/** Each accepted attack once, whatever the versions. A fix that stands above is not told again. */
function findings({ attacks }: EndpointResult, { style, columns }: ProbeTextOptions): string[] {
  const toldFixes = new Map<string, string>();
  const accepted = attacks.filter(({ outcome }) => outcome === "accepted");
  const alike = ({ id, tolerated }: AttackResult) => JSON.stringify([id, tolerated]);
  return [...groupBy(accepted, alike).values()].map((results) => {
    const [first, ...others] = results;
    if (first === undefined) return "";
    const versions = [first, ...others].flatMap(({ tls }) => (tls === null ? [] : `TLS ${tls}`));
    const where = versions.length === 0 ? "" : ` on ${versions.join(" and ")}`;
    const field = (label: string, text: string) => hanging(`  ${label.padEnd(LABEL)}`, text, columns);
    const story = [
      field("what", `${escapeText(first.title)}: ${escapeText(first.evidence)}`),
      field("why", `${first.meaning} (${first.reference})`),
    ];
    if (first.reportedOnly) {
      return ["", style.unsure(`! ${first.id} is accepted${where} (reported, no failure)`), ...story].join(
        "\n",
      );
    }
    if (first.tolerated !== undefined) {
      const { expires, reason } = first.tolerated;
      const until = field("until", `${expires}, by the baseline: ${escapeText(reason)}`);
      return ["", style.unsure(`~ ${first.id} was accepted${where}`), ...story, until].join("\n");
    }
    const toldBy = toldFixes.get(first.fix);
    toldFixes.set(first.fix, toldBy ?? first.id);
    const fixes = first.fix.split("\n").map((line) => {
      const [server = "", ...rest] = line.split(": ");
      return field(server, rest.join(": "));
    });
    return [
      "",
      style.bad(`✗ ${first.id} was accepted${where}`),
      ...story,
      ...(toldBy === undefined
        ? fixes
        : [field("change", `the same settings that stand above, at ${toldBy}`)]),
    ].join("\n");
  });
}

const LABEL = "HAProxy ".length;

/** Of which no verdict says anything. */
function notices({ control }: EndpointResult, columns: number): string[] {
  const isNamed = control.some(({ evidence }) => evidence.includes(NAMES_HTTP3));
  return isNamed ? [hanging("note: ", NAMES_HTTP3, columns)] : [];
}

/** A bypass outweighs them in the verdict, and does not settle them. */
function doubtful({ doubts }: EndpointResult, { style, columns }: ProbeTextOptions): string[] {
  if (doubts.length === 0) return [];
  return [
    "",
    style.unsure("? not established:"),
    ...gatheredDoubts(doubts).map((doubt) => hanging("  ", escapeText(doubt), columns)),
  ];
}

function notRun({ attacks }: EndpointResult, columns: number): string[] {
  const left = attacks.filter(({ outcome }) => outcome === "not-run");
  if (left.length === 0) return [];
  const groups = [...groupBy(left, ({ evidence }) => evidence)];
  return [
    "",
    ...groups.map(([reason, results]) => {
      const ids = [...new Set(results.map(({ id }) => id))];
      // whoever left so many out does not ask for their names
      const isObvious = reason === NOT_SELECTED && ids.length > MAX_UNSELECTED;
      const named = isObvious ? `${ids.length} attacks` : ids.join(", ");
      return hanging("· ", `not run: ${named}: ${escapeText(reason)}`, columns);
    }),
  ];
}

/** Attacks that the user left out are named up to this number. */
const MAX_UNSELECTED = 5;

function verdictLine(endpoint: EndpointResult, { style, columns }: ProbeTextOptions): string {
  const { verdict, attacks } = endpoint;
  const idsOf = (outcome: AttackResult["outcome"]) =>
    new Set(attacks.filter((one) => one.outcome === outcome && !one.reportedOnly).map(({ id }) => id));
  const refused = idsOf("refused").size;
  const accepted = idsOf("accepted").size;
  const isTolerated = accepted > 0 && !attacks.some(isBypass);
  const run = new Set(attacks.filter(({ outcome }) => outcome !== "not-run").map(({ id }) => id));
  const text = {
    enforced: `✓ ENFORCED: ${refused} ${refused === 1 ? "attack" : "attacks"} refused, the valid client served before and after`,
    bypassed: isTolerated
      ? `~ BYPASSED: ${accepted} of ${run.size} attacks accepted, all of them in the baseline`
      : `✗ BYPASSED: ${accepted} of ${run.size} attacks accepted`,
    inconclusive: "? INCONCLUSIVE: nothing is proved either way",
  }[verdict];
  const told = withSelection(text.slice(2), [endpoint]);
  return `\n${coloured(isTolerated ? "inconclusive" : verdict, hanging(text.slice(0, 2), told, columns), style)}`;
}

function coloured(verdict: Verdict, text: string, style: Style): string {
  switch (verdict) {
    case "enforced":
      return style.good(text);
    case "bypassed":
      return style.bad(text);
    case "inconclusive":
      return style.unsure(text);
  }
}

function summaryText(result: ProbeResult, { style, columns }: ProbeTextOptions): string {
  const { summary, endpoints, unreachable, leftOut = [], interrupted, missing = [] } = result;
  const counts = VERDICTS.filter((verdict) => summary[verdict] > 0).map((verdict) =>
    coloured(verdict, `${summary[verdict]} ${verdict}`, style),
  );
  const gaps = gapsOf(result);
  return [
    ...unreachable.map((one) =>
      hanging("· ", escapeText(`${one.target} refuses connections ${whereOf(one)} (${one.reason})`), columns),
    ),
    ...leftOut.map(({ target, reason, wanted }) => {
      const text = `not probed: ${escapeText(target)}: ${escapeText(reason)}`;
      return wanted === true ? style.unsure(hanging("? ", text, columns)) : hanging("· ", text, columns);
    }),
    ...missing.map(({ index, count, targets }) =>
      style.unsure(
        hanging("? ", escapeText(`shard ${index}/${count} is missing: ${targets.join(", ")}`), columns),
      ),
    ),
    ...(interrupted ? [style.unsure("interrupted: what was not reached is marked as not run")] : []),
    `${counted(endpoints.length, "endpoint")}: ${counts.join(", ")}${
      gaps.length === 0 ? "" : style.unsure(`; not established: ${gaps.join(", ")}`)
    }`,
  ].join("\n");
}

/** What no endpoint's verdict tells of, and what keeps the run from having established all. */
function gapsOf({ leftOut = [], interrupted, missing = [] }: ProbeResult): string[] {
  const unasked = leftOut.filter(({ wanted }) => wanted).length;
  return [
    ...(unasked > 0 ? [`${counted(unasked, "operation")} not asked`] : []),
    ...(missing.length > 0 ? [`${counted(missing.length, "shard")} missing`] : []),
    ...(interrupted ? ["what was not reached"] : []),
  ];
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

const VERDICTS = ["enforced", "bypassed", "inconclusive"] as const;

/** A paragraph behind a mark. */
function hanging(mark: string, text: string, columns: number): string {
  return wrap(text, columns - mark.length)
    .map((line, i) => (i === 0 ? mark : " ".repeat(mark.length)) + line)
    .join("\n");
}
