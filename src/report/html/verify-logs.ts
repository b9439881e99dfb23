import type { Finding, FindingCode } from "../../logs/verify/finding.ts";
import type { Verification } from "../../logs/verify/verification.ts";
import { type Markup, markup } from "../markup.ts";
import { count, number } from "../quantity.ts";
import { anchorText, base64, checkedText, readText } from "../verify-logs.ts";
import { meaning } from "../verify-logs-meaning.ts";
import { LOG_RULES } from "../verify-logs-rules.ts";
import { chip, figures } from "./parts.ts";
import { timelineChart } from "./timeline.ts";

/** The auditor's page below its headline: what is and is not established, where, and what it rests on. */
export function verifyLogsBody(result: Verification): Markup {
  const { verdict, leaves, log, checked, findings, anchors, timeline, counts } = result;
  const found = Object.values(counts).reduce((sum, one) => sum + one, 0);
  return markup`${figures([
    { count: found, text: found === 1 ? "finding" : "findings" },
    {
      count: checked.batches,
      // where the checkpoint itself is at fault, nothing is claimed about what was signed
      text: verdict === "altered" ? "batches equal to their leaves" : "batches as they were signed",
    },
    { count: checked.records, text: leaves === "batches" ? "records in them" : "leaves as they were signed" },
    { count: checked.skipped, text: "batches not read" },
  ])}${established(result)}${timelineChart({
    timeline,
    findings,
    anchors,
    size: log?.size ?? 0,
  })}${findingSections(result)}${basis(result)}`;
}

/** `Established: …` and `Not established: …` side by side; what is neither is advice. */
function established(result: Verification): Markup {
  const texts = meaning(result);
  const [yes, no] = ["Established: ", "Not established: "];
  const after = (prefix: string) =>
    texts.flatMap((text) => (text.startsWith(prefix) ? [upperFirst(text.slice(prefix.length))] : []));
  const advice = texts.filter((text) => !text.startsWith(yes) && !text.startsWith(no));
  const unchecked = result.unestablished.map((text) => `${upperFirst(text)}.`);
  const [shown, open] = [after(yes), [...unchecked, ...after(no), ...standingDoubts(result)]];
  return markup`<h2>What this means</h2>
${
  shown.length === 0
    ? undefined
    : markup`<article class="card good"><h3>${chip("good", "✓ established")}</h3>
<ul>${shown.map((text) => markup`<li>${text}</li>`)}</ul></article>
`
}<article class="card unsure"><h3>${chip("unsure", "? not established")}</h3>
<ul>${open.map((text) => markup`<li>${text}</li>`)}</ul></article>
${advice.map(
  (text) => markup`<p>${text}</p>
`,
)}`;
}

/** What no verification shows; beside an altered log the text for terminals leaves it out. */
function standingDoubts({ verdict }: Verification): string[] {
  if (verdict === "intact" || verdict === "unanchored") return [];
  return ["That what was written into the log is true, or that all was written that should have been."];
}

function upperFirst(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}

/** Findings of a code that are shown one by one. */
const SHOWN = 200;

function findingSections({ findings, counts, omitted, leaves }: Verification): Markup | undefined {
  const codes = [...new Set(findings.map(({ code }) => code))];
  if (codes.length === 0) return undefined;
  return markup`<h2>Findings</h2>
${codes.map((code) =>
  findingCard(
    code,
    findings.filter((finding) => finding.code === code),
    counts[code] ?? 0,
    leaves,
  ),
)}${
    omitted > 0
      ? markup`<p>Of the findings ${number(omitted)} are counted and not listed.</p>
`
      : undefined
  }`;
}

function findingCard(
  code: FindingCode,
  findings: readonly Finding[],
  total: number,
  leaves: Verification["leaves"],
): Markup {
  const { title, meaning: says } = LOG_RULES[code];
  const rest = total - Math.min(findings.length, SHOWN);
  return markup`<article class="card bad">
<h3>${chip("bad", `✗ ${count(total, "finding", "findings")}`)} <code>${code}</code> ${title}</h3>
<p class="meaning">${says}.</p>
<ul>
${findings.slice(0, SHOWN).map((finding) => findingItem(finding, leaves))}</ul>
${
  rest > 0
    ? markup`<p>and ${number(rest)} more</p>
`
    : undefined
}</article>
`;
}

function findingItem(finding: Finding, leaves: Verification["leaves"]): Markup {
  const { seq, line, offset, path, detail, expected, found, notes = [] } = finding;
  const place = [
    ...(seq === undefined ? [] : [`${leaves === "batches" ? "batch" : "leaf"} ${number(seq)}`]),
    ...(line === undefined ? [] : [`line ${number(line)}`]),
    ...(offset === undefined ? [] : [`byte ${number(offset)}`]),
  ].join(", ");
  const rows = [
    ["file", path],
    ["signed", expected],
    ["found", found],
  ].flatMap(([label, value]) =>
    value === undefined ? [] : [markup`<dt>${label}</dt><dd class="mono">${value}</dd>`],
  );
  return markup`<li>${place === "" ? undefined : markup`<strong>${place}</strong>: `}${detail}
${rows.length === 0 ? undefined : markup`<dl class="pairs">${rows}</dl>`}${notes.map(
    (note) => markup`<pre>${note}</pre>
`,
  )}</li>
`;
}

/** What the verdict rests on. */
function basis(result: Verification): Markup {
  const { log, anchors, keys, kept, leaves, checked, read } = result;
  const rows: [string, Markup][] = [];
  if (log !== undefined) {
    const size =
      leaves === "batches" ? count(log.size, "batch", "batches") : count(log.size, "leaf", "leaves");
    rows.push(["log", markup`${log.origin}`], ["size", markup`${size}`]);
    rows.push(["root", markup`<span class="mono">${base64(log.root)}</span>`]);
  }
  rows.push(["checked", markup`${checkedText(result)}`]);
  if (checked.skipped > 0)
    rows.push(["not read", markup`${count(checked.skipped, "batch", "batches")} that were not asked for`]);
  for (const anchor of anchors) rows.push(["anchor", markup`${anchorText(anchor)}`]);
  if (anchors.length === 0) rows.push(["anchor", markup`none`]);
  if (read !== undefined) rows.push(["read", markup`${readText(read)}`]);
  if (kept.path !== undefined) {
    const now = { saved: "kept from now on", same: "kept already", not: "not changed" }[kept.now];
    rows.push(["your checkpoint", markup`${now}: <span class="mono">${kept.path}</span>`]);
  }
  for (const { name, type, signed } of keys) {
    const used = signed
      ? chip("good", "✓ signed the newest checkpoint")
      : chip("plain", "not on the newest checkpoint");
    rows.push(["key", markup`<span class="mono">${name}</span> (${type}) ${used}`]);
  }
  return markup`<h2>What this rests on</h2>
<dl class="pairs">${rows.map(([label, value]) => markup`<dt>${label}</dt><dd>${value}</dd>`)}</dl>
<p class="soft">The store was held to its newest signed checkpoint: every leaf, every tile, every earlier checkpoint and
every batch was compared with it. Keys and anchors came from the auditor, not from the store.</p>
`;
}
