import { type Markup, markup } from "../markup.ts";
import { type Check, nameOf, type Report, type Rule, ruleOf } from "../report.ts";
import { chip, figures, fixList, referenceLink, type Tone } from "./parts.ts";

/** A page of the checks as they are, for commands without a page of their own. */
export function checksBody(report: Report): Markup {
  const count = (...outcomes: readonly Check["outcome"][]) =>
    report.checks.filter(({ outcome }) => outcomes.includes(outcome)).length;
  const findings = report.checks.filter(({ outcome }) => outcome === "failed" || outcome === "inconclusive");
  return markup`${figures([
    { count: count("failed"), text: "findings" },
    { count: count("inconclusive"), text: "not established" },
    { count: count("passed"), text: "passed" },
    { count: count("not-run", "not-applicable"), text: "not run" },
  ])}${
    findings.length === 0
      ? undefined
      : markup`<h2>Findings</h2>
${findings.map((check) => card(check, ruleOf(report, check)))}`
  }<h2>All checks</h2>
<div class="scroll" tabindex="0" role="region" aria-label="All checks"><table>
<thead><tr><th scope="col">result</th><th scope="col">check</th><th scope="col">where</th></tr></thead>
<tbody>
${report.checks.map(
  (
    check,
  ) => markup`<tr><td>${outcomeChip(check)}</td><th scope="row"><code>${nameOf(check)}</code></th><td>${check.subject}</td></tr>
`,
)}</tbody></table></div>
`;
}

function card(check: Check, { title, meaning, reference, fix }: Rule): Markup {
  const { place, subject, evidence } = check;
  const where = place?.line === undefined ? subject : `${place.path}:${place.line}`;
  return markup`<article class="card ${TONES[check.outcome]}">
<h3>${outcomeChip(check)} <code>${check.rule}</code> ${title}</h3>
<p class="mono">${where}</p>
<pre>${evidence}</pre>
<p>${meaning}${reference === "" ? undefined : markup` (${referenceLink(reference)})`}</p>
${fix === "" ? undefined : fixList(fix)}</article>
`;
}

function outcomeChip({ outcome }: Check): Markup {
  return chip(TONES[outcome], WORDS[outcome]);
}

const TONES: Readonly<Record<Check["outcome"], Tone>> = {
  passed: "good",
  failed: "bad",
  tolerated: "unsure",
  noted: "unsure",
  inconclusive: "unsure",
  "not-applicable": "plain",
  "not-run": "plain",
};

const WORDS: Readonly<Record<Check["outcome"], string>> = {
  passed: "✓ passed",
  failed: "✗ failed",
  tolerated: "accepted for now",
  noted: "! noted",
  inconclusive: "? not established",
  "not-applicable": "– n/a",
  "not-run": "· not run",
};
