import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { align, type Edit } from "../../../src/logs/verify/align.ts";

const digest = (text: string) => createHash("sha256").update(text).digest();
const digests = (items: readonly string[]) => Buffer.concat(items.map(digest));
const alignTexts = (signed: string, found: string) =>
  align(digests(signed.split("")), digests(found.split("")));

describe("align", () => {
  test.each<[string, string, string, Edit[]]>([
    ["nothing", "abc", "abc", []],
    ["altered", "abc", "aXc", [{ kind: "altered", from: 1, at: 1 }]],
    ["deleted", "abcd", "acd", [{ kind: "deleted", from: 1, at: 1 }]],
    ["deleted at the end", "abc", "ab", [{ kind: "deleted", from: 2, at: 2 }]],
    [
      "all deleted",
      "ab",
      "",
      [
        { kind: "deleted", from: 0, at: 0 },
        { kind: "deleted", from: 1, at: 0 },
      ],
    ],
    ["inserted", "abc", "abXc", [{ kind: "inserted", at: 2 }]],
    ["inserted into nothing", "", "X", [{ kind: "inserted", at: 0 }]],
    ["duplicated next to itself", "abc", "abbc", [{ kind: "duplicated", from: 1, at: 2 }]],
    ["duplicated elsewhere", "abcd", "abcad", [{ kind: "duplicated", from: 0, at: 3 }]],
    [
      "neighbours swapped",
      "abcd",
      "acbd",
      [
        { kind: "moved", from: 2, at: 1 },
        { kind: "moved", from: 1, at: 2 },
      ],
    ],
    [
      "the first and the third swapped",
      "abcd",
      "cbad",
      [
        { kind: "moved", from: 2, at: 0 },
        { kind: "moved", from: 0, at: 2 },
      ],
    ],
    [
      "neighbours swapped after a deletion",
      "abcdefg",
      "acdfeg",
      [
        { kind: "deleted", from: 1, at: 1 },
        { kind: "moved", from: 5, at: 3 },
        { kind: "moved", from: 4, at: 4 },
      ],
    ],
    [
      "two swapped",
      "abcdef",
      "aecdbf",
      [
        { kind: "moved", from: 4, at: 1 },
        { kind: "moved", from: 1, at: 4 },
      ],
    ],
    ["one moved far", "abcdef", "bcdeaf", [{ kind: "moved", from: 0, at: 4 }]],
    ["one of equal lines deleted", "aba", "ba", [{ kind: "deleted", from: 0, at: 0 }]],
    [
      "several at once",
      "abcdefgh",
      "aXcefYgh",
      [
        { kind: "altered", from: 1, at: 1 },
        { kind: "deleted", from: 3, at: 3 },
        { kind: "inserted", at: 5 },
      ],
    ],
  ])("%s", (_, signed, found, edits) => {
    expect(alignTexts(signed, found)).toEqual(edits);
  });

  test("applying the edits to the signed sequence gives the found one", () => {
    const items = fc.array(fc.constantFrom(..."abcdefgh".split("")), { maxLength: 24 });
    fc.assert(
      fc.property(items, items, (signed, found) => {
        const edits = align(digests(signed), digests(found));
        expect(rebuild(signed, found, edits)).toEqual(found);
      }),
      { numRuns: 2000 },
    );
  });

  test("equal sequences have no edits, different ones have some", () => {
    const items = fc.array(fc.string({ maxLength: 2 }), { maxLength: 30 });
    fc.assert(
      fc.property(items, items, (a, b) => {
        expect(align(digests(a), digests(a))).toEqual([]);
        expect(align(digests(a), digests(b)).length === 0).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
  });

  test.each<[string, (i: number) => string, (i: number) => string]>([
    ["everything differs", (i) => `a${i}`, (i) => `b${i}`],
    ["all lines are equal but one", (i) => (i === 50_000 ? "x" : "same"), (i) => (i === 3 ? "x" : "same")],
    ["reversed", (i) => `a${i}`, (i) => `a${99_999 - i}`],
    ["two values alternate, shifted", (i) => `${i % 2}`, (i) => (i === 0 ? "x" : `${i % 2}`)],
  ])("100,000 lines within seconds where %s", (_, signed, found) => {
    const count = 100_000;
    const started = process.cpuUsage();
    const edits = align(
      digests(Array.from({ length: count }, (_item, i) => signed(i))),
      digests(Array.from({ length: count }, (_item, i) => found(i))),
    );
    expect(edits.length).toBeGreaterThan(0);
    expect(process.cpuUsage(started).user / 1e6).toBeLessThan(10);
  });
});

/** Takes every found item from the place that the edits say it came from. */
function rebuild(signed: readonly string[], found: readonly string[], edits: readonly Edit[]): string[] {
  const gone = new Set<number>();
  const placed = new Map<number, string>();
  for (const edit of edits) {
    if (edit.kind === "altered" || edit.kind === "inserted") placed.set(edit.at, found[edit.at] ?? "?");
    if (edit.kind === "moved" || edit.kind === "duplicated") placed.set(edit.at, signed[edit.from] ?? "?");
    if (edit.kind === "altered" || edit.kind === "deleted" || edit.kind === "moved") gone.add(edit.from);
  }
  const stays = signed.filter((_, i) => !gone.has(i));
  const length = stays.length + placed.size;
  return Array.from({ length }, (_, at) => placed.get(at) ?? stays.shift() ?? "?");
}
