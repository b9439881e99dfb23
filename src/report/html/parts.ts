import { type Markup, markup } from "../markup.ts";
import { referenceUrl } from "../report.ts";

export type Tone = "good" | "bad" | "unsure" | "plain";

/** A word on a coloured ground. It reads the same without the colour. */
export function chip(tone: Tone, text: string): Markup {
  return markup`<span class="chip ${tone}">${text}</span>`;
}

/** A reference, as a link where it names an RFC or a CVE. */
export function referenceLink(reference: string): Markup {
  const url = referenceUrl(reference);
  if (url === undefined) return markup`${reference}`;
  return markup`<a href="${url}" rel="noreferrer">${reference}</a>`;
}

/** What to change: a line each, `nginx: …`. */
export function fixList(fix: string): Markup {
  const rows = fix.split("\n").map((line) => {
    const [server = "", ...rest] = line.split(": ");
    return rest.length === 0
      ? markup`<dt></dt><dd>${line}</dd>`
      : markup`<dt>${server}</dt><dd><code>${rest.join(": ")}</code></dd>`;
  });
  return markup`<dl class="pairs">${rows}</dl>`;
}

export interface Figure {
  readonly count: number;
  readonly text: string;
}

/** Numbers at a glance; those that are nought are left out. */
export function figures(all: readonly Figure[]): Markup {
  const shown = all.filter(({ count }) => count > 0);
  return markup`<ul class="figures">${shown.map(({ count, text }) => markup`<li><strong>${count}</strong><span>${text}</span></li>`)}</ul>
`;
}
