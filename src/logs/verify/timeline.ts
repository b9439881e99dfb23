import type { BatchLeaf } from "../leaf.ts";

/** Some batches that follow one another, as a chart shows them. */
export interface TimelineSpan {
  /** The first batch and the last one. */
  readonly first: number;
  readonly last: number;
  /** When the first of them was opened and the last one closed, in seconds since the epoch, by their leaves. */
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly records: number;
  /** Batches whose file is not there. */
  readonly missing: number;
  /** Batches whose records were not read. */
  readonly skipped: number;
}

/** A time in which no batch was open. */
export interface Pause {
  /** The batch that ended it. */
  readonly before: number;
  /** Seconds since the epoch. */
  readonly from: number;
  readonly to: number;
}

export interface Timeline {
  readonly spans: readonly TimelineSpan[];
  /** The longest, in the order of time. */
  readonly pauses: readonly Pause[];
}

export interface TimelineCollector {
  /** @param said what the leaf says, where it is a leaf */
  add(seq: number, said: BatchLeaf | undefined, state: "present" | "missing" | "skipped"): void;
  timeline(): Timeline;
}

/** As many as a chart can show, whatever the size of the log. */
const MAX_SPANS = 240;
const MAX_PAUSES = 5;

/** @param size how many batches there are */
export function collectTimeline(size: number): TimelineCollector {
  const each = Math.max(1, Math.ceil(size / MAX_SPANS));
  const spans: TimelineSpan[] = [];
  let pauses: Pause[] = [];
  let before: { readonly seq: number; readonly to: number } | undefined;
  return {
    add(seq, said, state) {
      const at = Math.floor(seq / each);
      spans[at] = grown(spans[at], seq, said, state);
      if (said === undefined) return;
      if (before?.seq === seq - 1 && said.from > before.to) {
        pauses = longest([...pauses, { before: seq, from: before.to, to: said.from }]);
      }
      before = { seq, to: said.to };
    },
    // a part of which nothing is known leaves a hole
    timeline: () => ({ spans: spans.filter((span) => span !== undefined), pauses }),
  };
}

function grown(
  span: TimelineSpan | undefined,
  seq: number,
  said: BatchLeaf | undefined,
  state: "present" | "missing" | "skipped",
): TimelineSpan {
  const { first = seq, from, to, records = 0, missing = 0, skipped = 0 } = span ?? {};
  return {
    first,
    last: seq,
    from: from ?? said?.from,
    to: said?.to ?? to,
    records: records + (said?.records ?? 0),
    missing: missing + (state === "missing" ? 1 : 0),
    skipped: skipped + (state === "skipped" ? 1 : 0),
  };
}

function longest(pauses: readonly Pause[]): Pause[] {
  if (pauses.length <= MAX_PAUSES) return [...pauses];
  const shortest = pauses.reduce((least, pause) =>
    pause.to - pause.from < least.to - least.from ? pause : least,
  );
  return pauses.filter((pause) => pause !== shortest);
}
