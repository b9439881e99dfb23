import {
  type AttackResult,
  type BaselineEntry,
  type ControlResult,
  type EndpointResult,
  isBypass,
  type ProbeResult,
} from "../../probe/result.ts";
import { groupBy } from "../group-by.ts";
import { type Markup, markup } from "../markup.ts";
import { gatheredDoubts } from "../probe-doubts.ts";
import { whereOf } from "../probe-where.ts";
import { chip, figures, fixList, referenceLink } from "./parts.ts";
import { attackMatrix, endpointList, outcomeChip, verdictChip } from "./probe-matrix.ts";

/** A probe's page below its headline: what must change first, then what was seen, endpoint by endpoint. */
export function probeBody(result: ProbeResult): Markup {
  const { endpoints, summary, unreachable, leftOut = [] } = result;
  const unasked = leftOut.filter(({ wanted }) => wanted).length;
  return markup`${figures([
    { count: endpoints.length, text: endpoints.length === 1 ? "endpoint" : "endpoints" },
    { count: summary.enforced, text: "enforced" },
    { count: summary.bypassed, text: "bypassed" },
    { count: summary.inconclusive, text: "inconclusive" },
    { count: unasked, text: unasked === 1 ? "operation not asked" : "operations not asked" },
    { count: countOf(endpoints, ({ outcome }) => outcome === "refused"), text: "attacks refused" },
    { count: countOf(endpoints, isBypass), text: "attacks accepted" },
    {
      count: countOf(endpoints, ({ tolerated }) => tolerated !== undefined),
      text: "accepted by the baseline",
    },
  ])}${endpoints.length > 1 ? endpointList(endpoints) : undefined}${bypasses(endpoints)}${doubts(result)}${baseline(result)}${
    endpoints.length > 1 ? attackMatrix(endpoints) : undefined
  }<h2>${endpoints.length === 1 ? "The endpoint" : "Endpoints"}</h2>
<p class="soft">Open an attack for what was seen, what it means and what to change.</p>
${endpoints.map(endpointSection)}${unreachable.map(
    (one) => markup`<p class="soft">${one.target} refuses connections ${whereOf(one)} (${one.reason}).</p>
`,
  )}${leftOut
    .filter(({ wanted }) => wanted !== true)
    .map(
      ({ target, reason }) => markup`<p class="soft">Not probed: ${target}: ${reason}.</p>
`,
    )}<h2>How to read this</h2>
<p>On each TLS version a valid client is served first, then the attacks are made, then the valid client is served
again. A refusal counts only where the valid client was served both times. “Unclear” and “not established” are never a
pass.</p>
`;
}

function countOf(endpoints: readonly EndpointResult[], wanted: (attack: AttackResult) => boolean): number {
  return endpoints.flatMap(({ attacks }) => attacks.filter(wanted)).length;
}

/** One card for each remedy: the attacks that it is against, and where each of them got through. */
function bypasses(endpoints: readonly EndpointResult[]): Markup | undefined {
  const found = endpoints.flatMap((endpoint) =>
    endpoint.attacks.filter(isBypass).map((attack) => ({ endpoint, attack })),
  );
  if (found.length === 0) return undefined;
  const cards = [...groupBy(found, ({ attack }) => attack.fix)].map(
    ([fix, some]) => markup`<article class="card bad">
${[...groupBy(some, ({ attack }) => attack.id).values()].map(bypassedBy)}<h4>What to change</h4>
${fixList(fix)}</article>
`,
  );
  return markup`<h2>What must change</h2>
${cards}`;
}

interface Bypass {
  readonly endpoint: EndpointResult;
  readonly attack: AttackResult;
}

function bypassedBy(found: readonly Bypass[]): Markup {
  const attack = found[0]?.attack;
  if (attack === undefined) return markup``;
  const places = groupBy(found, ({ endpoint, attack: { evidence } }) =>
    JSON.stringify([endpoint.target, endpoint.address, evidence]),
  );
  return markup`<h3>${chip("bad", "✗ accepted")} <code>${attack.id}</code> ${attack.title}</h3>
<p class="meaning">${attack.meaning} (${referenceLink(attack.reference)}).</p>
<ul>${[...places.values()].map(placeItem)}</ul>
`;
}

function placeItem(found: readonly Bypass[]): Markup {
  const [first] = found;
  if (first === undefined) return markup``;
  const versions = found.flatMap(({ attack: { tls } }) => (tls === null ? [] : `TLS ${tls}`));
  const on = versions.length === 0 ? "" : ` on ${versions.join(" and ")}`;
  return markup`<li><span class="mono">${first.endpoint.target}</span> ${whereOf(first.endpoint)}${on}: ${first.attack.evidence}</li>`;
}

function doubts({ endpoints, leftOut = [], interrupted, missing = [] }: ProbeResult): Markup | undefined {
  const doubtful = endpoints.filter((endpoint) => endpoint.doubts.length > 0);
  const unasked = leftOut.filter(({ wanted }) => wanted);
  const isComplete = !interrupted && missing.length === 0 && unasked.length === 0;
  if (doubtful.length === 0 && isComplete) return undefined;
  return markup`<h2>Not established</h2>
${interrupted ? markup`<p>The run was interrupted: what was not reached is marked as not run.</p>` : undefined}
${missing.map(
  ({ index, count, targets }) => markup`<article class="card unsure">
<h3>Shard ${index}/${count} is missing</h3>
<ul>${targets.map((target) => markup`<li class="mono">${target}</li>`)}</ul>
</article>
`,
)}${
    unasked.length === 0
      ? undefined
      : markup`<article class="card unsure">
<h3>Operations that could not be asked</h3>
<ul>${unasked.map(({ target, reason }) => markup`<li>${target}: ${reason}</li>`)}</ul>
</article>
`
  }${doubtful.map(
    (endpoint) => markup`<article class="card unsure">
<h3>${endpoint.target} ${whereOf(endpoint)}</h3>
<ul>${gatheredDoubts(endpoint.doubts).map((doubt) => markup`<li>${doubt}</li>`)}</ul>
</article>
`,
  )}`;
}

function baseline({ endpoints, baseline: used }: ProbeResult): Markup | undefined {
  const tolerated = endpoints.flatMap(({ target, attacks }) =>
    attacks.flatMap((attack) =>
      attack.tolerated === undefined ? [] : [{ target, attack, ...attack.tolerated }],
    ),
  );
  const { expired = [], unused = [] } = used ?? {};
  if (tolerated.length + expired.length + unused.length === 0) return undefined;
  const stale = (entries: readonly BaselineEntry[], why: string) =>
    entries.map(
      ({
        attack,
        tls,
        target,
        expires,
        reason,
      }) => markup`<tr><td>${chip("unsure", why)}</td><td>${named(attack, tls ?? null)}</td><td>${target}</td><td>${expires}</td><td>${reason}</td></tr>
`,
    );
  return markup`<h2>Baseline</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Baseline"><table>
<thead><tr><th scope="col">entry</th><th scope="col">attack</th><th scope="col">target</th><th scope="col">until</th><th scope="col">reason</th></tr></thead>
<tbody>
${tolerated.map(
  ({
    target,
    attack,
    expires,
    reason,
  }) => markup`<tr><td>${chip("plain", "accepted")}</td><td>${named(attack.id, attack.tls)}</td><td>${target}</td><td>${expires}</td><td>${reason}</td></tr>
`,
)}${stale(expired, "expired")}${stale(unused, "not needed any more")}</tbody></table></div>
`;
}

function named(id: string, tls: string | null): Markup {
  return markup`<code>${id}</code>${tls === null ? undefined : ` on TLS ${tls}`}`;
}

function endpointSection(endpoint: EndpointResult, index: number): Markup {
  const { target, verdict, control, attacks } = endpoint;
  const ids = [...new Set(attacks.map(({ id }) => id))];
  const left = ids.filter((id) => attacks.every((one) => one.id !== id || one.outcome === "not-run"));
  const run = ids.filter((id) => !left.includes(id));
  return markup`<section class="endpoint" id="endpoint-${index + 1}">
<h3>${verdictChip(verdict)} <span class="mono">${target}</span></h3>
<p class="soft">${whereOf(endpoint)}</p>
<div class="attacks">
<div class="row head"><span>attack</span><span>TLS 1.3</span><span>TLS 1.2</span></div>
<div class="row control"><span class="name">a valid client</span>${controlCell(control, "1.3")}${controlCell(control, "1.2")}</div>
${run.map((id) => attackRow(attacks.filter((one) => one.id === id)))}</div>
${left.length === 0 ? undefined : notRun(left, attacks)}</section>
`;
}

function controlCell(control: readonly ControlResult[], tls: "1.2" | "1.3"): Markup {
  const result = control.find((one) => one.tls === tls);
  return markup`<span class="cell" data-version="TLS ${tls}">${
    result === undefined ? chip("plain", "not tried") : CONTROL_CHIPS[result.outcome]
  }</span>`;
}

const CONTROL_CHIPS = {
  accepted: chip("good", "✓ served"),
  refused: chip("plain", "not served"),
  inconclusive: chip("unsure", "? unclear"),
} as const;

function attackRow(results: readonly AttackResult[]): Markup {
  const [first] = results;
  if (first === undefined) return markup``;
  const cell = (tls: "1.2" | "1.3") => {
    const result = results.find((one) => one.tls === tls);
    return markup`<span class="cell" data-version="TLS ${tls}">${result === undefined ? undefined : outcomeChip(result)}</span>`;
  };
  // the version is the attack's own, or there is none
  const cells =
    first.tls === null
      ? markup`<span class="cell">${outcomeChip(first)}</span><span></span>`
      : markup`${cell("1.3")}${cell("1.2")}`;
  return markup`<details><summary class="row"><span class="name"><code>${first.id}</code> <small>${first.title}</small></span>${cells}</summary>
<div class="more">
<dl class="pairs">${results.map((result) => markup`<dt>${result.tls === null ? "seen" : `TLS ${result.tls}`}</dt><dd>${result.evidence}</dd>`)}</dl>
<p>If it is accepted: ${first.meaning} (${referenceLink(first.reference)}).</p>
${results.some(({ outcome }) => outcome === "accepted") ? fixList(first.fix) : undefined}</div>
</details>
`;
}

function notRun(ids: readonly string[], attacks: readonly AttackResult[]): Markup {
  const reasons = new Map<string, string[]>();
  for (const id of ids) {
    const reason = attacks.find((one) => one.id === id)?.evidence ?? "";
    reasons.set(reason, [...(reasons.get(reason) ?? []), id]);
  }
  return markup`<p class="soft">Not run: ${[...reasons].map(
    ([reason, some], i) => markup`${i === 0 ? "" : "; "}${some.join(", ")} (${reason})`,
  )}.</p>
`;
}
