import type { AttackResult, EndpointResult, Verdict } from "../../probe/result.ts";
import { type Markup, markup } from "../markup.ts";
import { whereOf } from "../probe-where.ts";
import { chip } from "./parts.ts";

/** Every endpoint with its verdict, and the way to its section. */
export function endpointList(endpoints: readonly EndpointResult[]): Markup {
  return markup`<h2>Verdicts</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Verdicts"><table>
<thead><tr><th scope="col">no.</th><th scope="col">verdict</th><th scope="col">endpoint</th></tr></thead>
<tbody>
${endpoints.map(
  (
    endpoint,
    i,
  ) => markup`<tr><td><a href="#endpoint-${i + 1}">${i + 1}</a></td><td>${verdictChip(endpoint.verdict)}</td><th scope="row"><span class="mono">${endpoint.target}</span> <span class="soft">${whereOf(endpoint)}</span></th></tr>
`,
)}</tbody></table></div>
`;
}

/** All attacks on all endpoints at a glance; in each cell TLS 1.3, then 1.2. */
export function attackMatrix(endpoints: readonly EndpointResult[]): Markup {
  const ids = [...new Set(endpoints.flatMap(({ attacks }) => attacks.map(({ id }) => id)))].filter((id) =>
    endpoints.some(({ attacks }) => attacks.some((one) => one.id === id && one.outcome !== "not-run")),
  );
  return markup`<h2>Attacks by endpoint</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Attacks by endpoint"><table class="matrix">
<thead><tr><th scope="col">attack</th>${endpoints.map((_, i) => markup`<th scope="col"><a href="#endpoint-${i + 1}"><span class="hidden">endpoint </span>${i + 1}</a></th>`)}</tr></thead>
<tbody>
${ids.map(
  (
    id,
  ) => markup`<tr><th scope="row"><code>${id}</code></th>${endpoints.map(({ attacks }) => markup`<td>${cellOf(attacks.filter((one) => one.id === id))}</td>`)}</tr>
`,
)}</tbody></table></div>
<p class="soft">✓ refused, ✗ accepted, ! accepted and only reported, ~ accepted by the baseline, ? unclear, – not
applicable, · not run. In each cell TLS 1.3 stands before TLS 1.2.</p>
`;
}

function cellOf(results: readonly AttackResult[]): Markup {
  const ordered = results.toSorted((a, b) => Number(b.tls ?? 0) - Number(a.tls ?? 0));
  const tone = ordered.some((one) => kindOf(one) === "bypass")
    ? "bad"
    : ordered.some((one) => kindOf(one) === "unclear")
      ? "unsure"
      : "good";
  const marks = ordered.map((one) => MARKS[kindOf(one)]).join(" ");
  const words = ordered
    .map((one) => `${WORDS[kindOf(one)]}${one.tls === null ? "" : ` on TLS ${one.tls}`}`)
    .join(", ");
  const idle = ordered.every((one) => kindOf(one) === "idle" || kindOf(one) === "not-run");
  return markup`<span class="chip ${idle ? "plain" : tone}"><span aria-hidden="true">${marks}</span><span class="hidden">${words}</span></span>`;
}

type Kind = "refused" | "bypass" | "reported" | "tolerated" | "unclear" | "idle" | "not-run";

function kindOf({ outcome, reportedOnly, tolerated }: AttackResult): Kind {
  switch (outcome) {
    case "accepted":
      if (reportedOnly) return "reported";
      return tolerated === undefined ? "bypass" : "tolerated";
    case "inconclusive":
      return "unclear";
    case "not-applicable":
      return "idle";
    case "refused":
    case "not-run":
      return outcome;
  }
}

const MARKS: Readonly<Record<Kind, string>> = {
  refused: "✓",
  bypass: "✗",
  reported: "!",
  tolerated: "~",
  unclear: "?",
  idle: "–",
  "not-run": "·",
};

const WORDS: Readonly<Record<Kind, string>> = {
  refused: "refused",
  bypass: "accepted",
  reported: "accepted, only reported",
  tolerated: "accepted by the baseline",
  unclear: "unclear",
  idle: "not applicable",
  "not-run": "not run",
};

const TONES = {
  refused: "good",
  bypass: "bad",
  reported: "unsure",
  tolerated: "unsure",
  unclear: "unsure",
  idle: "plain",
  "not-run": "plain",
} as const;

/** How an attack ended on one TLS version. */
export function outcomeChip(result: AttackResult): Markup {
  const kind = kindOf(result);
  const word = { ...WORDS, reported: "accepted", tolerated: "in the baseline", idle: "n/a" }[kind];
  return chip(TONES[kind], `${MARKS[kind]} ${word}`);
}

export function verdictChip(verdict: Verdict): Markup {
  switch (verdict) {
    case "enforced":
      return chip("good", "✓ enforced");
    case "bypassed":
      return chip("bad", "✗ bypassed");
    case "inconclusive":
      return chip("unsure", "? inconclusive");
  }
}
