import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { BatchLeaf } from "../../../src/logs/leaf.ts";
import { collectTimeline } from "../../../src/logs/verify/timeline.ts";

const leaf = (seq: number, from: number, to: number): BatchLeaf => ({
  seq,
  from,
  to,
  records: 10,
  bytes: 100,
  sha256: "0".repeat(64),
  root: Buffer.alloc(32),
  prev: undefined,
});

describe("the timeline of a log", () => {
  test("holds every batch once, in few spans, whatever the size", () => {
    fc.assert(
      fc.property(fc.nat(5000), (size) => {
        const collector = collectTimeline(size);
        for (let seq = 0; seq < size; seq++)
          collector.add(seq, leaf(seq, seq * 60, seq * 60 + 60), "present");
        const { spans } = collector.timeline();
        expect(spans.length).toBeLessThanOrEqual(240);
        expect(spans.reduce((sum, { first, last }) => sum + last - first + 1, 0)).toBe(size);
        expect(spans.reduce((sum, { records }) => sum + records, 0)).toBe(size * 10);
        expect(spans.at(-1)?.to).toBe(size === 0 ? undefined : size * 60);
      }),
      { numRuns: 30 },
    );
  });

  test("knows what is missing, what was not read, and what no leaf tells", () => {
    const collector = collectTimeline(4);
    collector.add(0, leaf(0, 0, 60), "present");
    collector.add(1, leaf(1, 60, 120), "missing");
    collector.add(2, leaf(2, 120, 180), "skipped");
    collector.add(3, undefined, "present");
    expect(collector.timeline().spans).toEqual([
      { first: 0, last: 0, from: 0, to: 60, records: 10, missing: 0, skipped: 0 },
      { first: 1, last: 1, from: 60, to: 120, records: 10, missing: 1, skipped: 0 },
      { first: 2, last: 2, from: 120, to: 180, records: 10, missing: 0, skipped: 1 },
      { first: 3, last: 3, from: undefined, to: undefined, records: 0, missing: 0, skipped: 0 },
    ]);
  });

  test("keeps the longest pauses, in the order of time, and none across a leaf that is missing", () => {
    const collector = collectTimeline(10);
    let time = 0;
    for (const [seq, pause] of [0, 5, 50, 1, 40, 30, 20, 60].entries()) {
      collector.add(seq, leaf(seq, time + pause, time + pause + 10), "present");
      time += pause + 10;
    }
    collector.add(9, leaf(9, time + 1000, time + 1010), "present");
    const { pauses } = collector.timeline();
    expect(pauses.map(({ before, from, to }) => [before, to - from])).toEqual([
      [2, 50],
      [4, 40],
      [5, 30],
      [6, 20],
      [7, 60],
    ]);
  });
});
