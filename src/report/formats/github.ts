import { escapeText } from "../escape.ts";
import { type Markup, markup } from "../markup.ts";
import { type Check, nameOf, type Report, ruleOf } from "../report.ts";

/** GitHub shows so many of each kind for a step; what goes beyond stands in the summary. */
const SHOWN = 10;

/** Workflow commands that make annotations: https://docs.github.com/actions/reference/workflow-commands */
export function github(report: Report): string {
  const commands = (["error", "warning", "notice"] as const).flatMap((level) => {
    const checks = report.checks.filter(({ outcome }) => LEVELS[outcome] === level);
    const cut = checks.length > SHOWN ? SHOWN - 1 : SHOWN;
    const rest = checks.length - cut;
    return [
      ...checks.slice(0, cut).map((check) => annotation(report, level, check)),
      ...(rest > 0 ? [command(level, { title: `fleetsec ${report.command}` }, `and ${rest} more`)] : []),
    ];
  });
  return commands.map((line) => `${line}\n`).join("");
}

const LEVELS: Readonly<Partial<Record<Check["outcome"], "error" | "warning" | "notice">>> = {
  failed: "error",
  inconclusive: "warning",
  tolerated: "notice",
  noted: "notice",
};

function annotation(report: Report, level: string, check: Check): string {
  const { place, subject, evidence, outcome } = check;
  const { title, meaning, reference, fix } = ruleOf(report, check);
  const isFile = place !== undefined && !place.path.includes("://");
  const where = isFile ? { file: place.path, line: place.line } : {};
  const why = reference === "" ? meaning : `${meaning} (${reference})`;
  const lines = [`${subject}: ${title}: ${evidence}`, ...(outcome === "failed" ? [why, fix] : [])];
  const text = lines.filter((line) => line !== "").join("\n");
  return command(level, { title: `fleetsec ${report.command}: ${nameOf(check)}`, ...where }, text);
}

type Properties = Readonly<Record<string, string | number | undefined>>;

function command(name: string, properties: Properties, data: string): string {
  const given = Object.entries(properties).filter(([, value]) => value !== undefined);
  const list = given.map(([key, value]) => `${key}=${escapeProperty(String(value))}`).join(",");
  return `::${name} ${list}::${escapeData(data)}`;
}

/** As actions/toolkit writes it. Other control characters cannot be written at all. */
function escapeData(text: string): string {
  return escapeText(text, { newlines: true }).replace(/%/g, "%25").replace(/\n/g, "%0A");
}

function escapeProperty(text: string): string {
  return escapeData(text).replace(/:/g, "%3A").replace(/,/g, "%2C");
}

/**
 * The summary of a step, for GITHUB_STEP_SUMMARY. Markdown takes HTML as it is up to the next empty
 * line: this has none, so nothing in it is read as Markdown.
 */
export function githubSummary(report: Report): string {
  const shown = report.checks.filter(({ outcome }) => outcome in LEVELS);
  const counts = SUMMED.map(([outcome, word]) => ({
    word,
    count: report.checks.filter((check) => check.outcome === outcome).length,
  })).filter(({ count }) => count > 0);
  return (
    markup`<h3>fleetsec ${report.command}: ${report.headline}</h3>
<p>${counts.map(({ word, count }) => `${count} ${word}`).join(", ")}</p>
${shown.length === 0 ? undefined : table(report, shown)}
`.markup.replaceAll(/\n+/g, "\n") + "\n"
  );
}

const SUMMED: readonly (readonly [Check["outcome"], string])[] = [
  ["failed", "failed"],
  ["inconclusive", "not established"],
  ["tolerated", "accepted by the baseline"],
  ["noted", "noted"],
  ["passed", "passed"],
  ["not-applicable", "not applicable"],
  ["not-run", "not run"],
];

/** A summary may have 1 MiB in all: https://docs.github.com/actions/reference/workflow-commands */
const MAX_ROWS = 200;

function table(report: Report, checks: readonly Check[]): Markup {
  const rest = checks.length - MAX_ROWS;
  return markup`<table>
<tr><th>result</th><th>check</th><th>where</th><th>what was seen</th></tr>
${checks.slice(0, MAX_ROWS).map((check) => row(report, check))}</table>
${rest > 0 ? markup`<p>and ${rest} more</p>` : undefined}`;
}

const MARKS: Readonly<Partial<Record<Check["outcome"], string>>> = {
  failed: "❌ failed",
  inconclusive: "❔ not established",
  tolerated: "⏳ accepted",
  noted: "ℹ️ noted",
};

function row(report: Report, check: Check): Markup {
  const { title } = ruleOf(report, check);
  const { outcome, subject, evidence } = check;
  return markup`<tr><td>${MARKS[outcome]}</td><td><code>${nameOf(check)}</code><br/>${title}</td><td>${subject}</td><td>${evidence.slice(0, MAX_CELL)}</td></tr>
`;
}

const MAX_CELL = 500;
