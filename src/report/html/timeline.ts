import type { Finding } from "../../logs/verify/finding.ts";
import type { Timeline, TimelineSpan } from "../../logs/verify/timeline.ts";
import type { AnchorUsed } from "../../logs/verify/verification.ts";
import { type Markup, markup } from "../markup.ts";
import { count, minute, number } from "../quantity.ts";

const WIDTH = 1000;
const HEIGHT = 128;
const MARGIN = 14;
const TOP = 46;
const BAR = 38;

interface Charted {
  readonly timeline: Timeline;
  readonly findings: readonly Finding[];
  readonly anchors: readonly AnchorUsed[];
  /** Batches in the log. */
  readonly size: number;
}

/**
 * The batches in time, what is missing, where the faults are, and how far anchors reach. Where the
 * leaves' times are not all there or go back, the axis is the batches' numbers.
 */
export function timelineChart({ timeline, findings, anchors, size }: Charted): Markup | undefined {
  const { spans, pauses } = timeline;
  if (spans.length === 0) return undefined;
  const axis = axisOf(spans, size);
  const faults = faultsBySpan(findings, spans);
  return markup`<h2>Timeline</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Timeline of batches">
<svg class="timeline" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="timeline-title">
<title id="timeline-title">${count(size, "batch", "batches")}; ${count(findings.length, "fault", "faults")}</title>
<rect class="quiet" x="${MARGIN}" y="${TOP}" width="${WIDTH - 2 * MARGIN}" height="${BAR}"></rect>
${spans.map((span) => spanBar(span, axis))}${anchorLine(anchors, spans, axis)}${[...faults].map(
    ([index, found]) => faultMark(index, found, spans, axis),
  )}<line class="axis" x1="${MARGIN}" x2="${WIDTH - MARGIN}" y1="${TOP + BAR}" y2="${TOP + BAR}"></line>
<text x="${MARGIN}" y="${HEIGHT - 22}">${axis.begin}</text>
<text x="${WIDTH - MARGIN}" y="${HEIGHT - 22}" text-anchor="end">${axis.end}</text>
<text x="${WIDTH / 2}" y="${HEIGHT - 6}" text-anchor="middle">${axis.name}</text>
</svg></div>
<p class="soft">Green: batches that are there. Dashed: a batch file is missing. Paler: records that were not read. Grey: no batch was open. A red
mark stands above each place with a fault, a blue line where an anchor ends.</p>
${
  pauses.length === 0
    ? undefined
    : markup`<p>Longest times without an open batch:</p>
<ul>${pauses.map(
        ({ before, from, to }) =>
          markup`<li>${duration(to - from)} before batch ${number(before)}: ${minute(from * 1000)} to ${minute(to * 1000)}</li>`,
      )}</ul>
`
}`;
}

interface Axis {
  /** Where a span begins and how wide it is. */
  place(span: TimelineSpan): { readonly x: number; readonly width: number };
  readonly begin: string;
  readonly end: string;
  readonly name: string;
}

function axisOf(spans: readonly TimelineSpan[], size: number): Axis {
  const times = spans.flatMap(({ from, to }) => (from === undefined || to === undefined ? [] : [from, to]));
  const [begin, end] = [times[0], times.at(-1)];
  const ascends =
    times.length === 2 * spans.length && times.every((time, i) => i === 0 || time >= (times[i - 1] ?? 0));
  if (begin === undefined || end === undefined || !ascends || end === begin) {
    return {
      place: ({ first, last }) => scaled(first, last + 1, 0, size),
      begin: "batch 0",
      end: `batch ${number(size - 1)}`,
      name: "by number",
    };
  }
  return {
    place: ({ from = begin, to = begin }) => scaled(from, to, begin, end),
    begin: minute(begin * 1000),
    end: minute(end * 1000),
    name: "by the signer's clock",
  };
}

function scaled(from: number, to: number, begin: number, end: number): { x: number; width: number } {
  const scale = (WIDTH - 2 * MARGIN) / (end - begin);
  return { x: rounded(MARGIN + (from - begin) * scale), width: rounded(Math.max((to - from) * scale, 1.5)) };
}

function rounded(length: number): number {
  return Math.round(length * 100) / 100;
}

function spanBar(span: TimelineSpan, axis: Axis): Markup {
  const { x, width } = axis.place(span);
  const batches = span.last - span.first + 1;
  const kind = span.missing > 0 ? "hole" : span.skipped === batches ? "skipped" : "batch";
  return markup`<rect class="${kind}" x="${x}" y="${TOP}" width="${width}" height="${BAR}"></rect>
`;
}

/** How far the anchor reaches that reaches furthest. */
function anchorLine(
  anchors: readonly AnchorUsed[],
  spans: readonly TimelineSpan[],
  axis: Axis,
): Markup | undefined {
  const size = anchors.reduce((most, anchor) => Math.max(most, anchor.size), 0);
  const span = spans.find(({ first, last }) => size - 1 >= first && size - 1 <= last) ?? spans.at(-1);
  if (span === undefined || size === 0) return undefined;
  const { x, width } = axis.place(span);
  const at = rounded(x + width * Math.min(1, (size - span.first) / (span.last - span.first + 1)));
  const side =
    at > WIDTH / 2 ? markup`x="${rounded(at - 5)}" text-anchor="end"` : markup`x="${rounded(at + 5)}"`;
  return markup`<line class="anchor" x1="${at}" x2="${at}" y1="8" y2="${TOP + BAR + 6}"></line>
<text class="anchor-text" ${side} y="17">anchored up to here</text>
`;
}

/** The faults of each span, by its place in the list; those beyond the last one count for it. */
function faultsBySpan(
  findings: readonly Finding[],
  spans: readonly TimelineSpan[],
): Map<number, readonly Finding[]> {
  const faults = new Map<number, readonly Finding[]>();
  for (const finding of findings) {
    const { seq } = finding;
    if (seq === undefined) continue;
    const found = spans.findIndex(({ last }) => seq <= last);
    const index = found < 0 ? spans.length - 1 : found;
    faults.set(index, [...(faults.get(index) ?? []), finding]);
  }
  return faults;
}

function faultMark(
  index: number,
  findings: readonly Finding[],
  spans: readonly TimelineSpan[],
  axis: Axis,
): Markup | undefined {
  const span = spans[index];
  if (span === undefined) return undefined;
  const { x, width } = axis.place(span);
  const at = rounded(x + width / 2);
  const codes = [...new Set(findings.map(({ code }) => code))].join(", ");
  const where = span.first === span.last ? `batch ${span.first}` : `batches ${span.first} to ${span.last}`;
  return markup`<path class="fault" d="M${at} ${TOP - 2} l-6 -12 h12 z"><title>${where}: ${codes}</title></path>
`;
}

function duration(seconds: number): string {
  const units = [
    ["d", 86_400],
    ["h", 3600],
    ["min", 60],
    ["s", 1],
  ] as const;
  const parts: string[] = [];
  let rest = seconds;
  for (const [unit, length] of units) {
    const whole = Math.floor(rest / length);
    if (whole > 0 && parts.length < 2) parts.push(`${whole} ${unit}`);
    rest -= whole * length;
  }
  return parts.join(" ");
}
