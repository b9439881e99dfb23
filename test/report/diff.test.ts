import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { diff } from "../../src/report/diff.ts";

const text = fc
  .array(fc.constantFrom("a", "b", "c", ""), { maxLength: 12 })
  .map((lines) => lines.map((line) => `${line}\n`).join(""));

/** The lines with one of the marks, without it. */
const side = (shown: string, marks: string) =>
  shown
    .split("\n")
    .filter((line) => line !== "" && line !== "@@" && marks.includes(line.charAt(0)))
    .map((line) => line.slice(1));

describe("diff", () => {
  test("shows what changed with three lines around it", () => {
    const before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
    expect(diff(before, before.replace("5\n", "five\n"))).toBe("@@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8");
  });

  test("marks where lines were left out", () => {
    const before = Array.from({ length: 20 }, (_, i) => `${i}\n`).join("");
    const after = before.replace("2\n", "two\n").replace("17\n", "seventeen\n");
    expect(
      diff(before, after)
        .split("\n")
        .filter((line) => line === "@@"),
    ).toHaveLength(1);
  });

  test("shows that only one of them ends in a newline", () => {
    expect(diff("a\nb\n", "a\nb")).toBe(" a\n b\n+\\ no newline at the end");
  });

  test("of equal texts is empty", () => {
    fc.assert(
      fc.property(text, (same) => {
        expect(diff(same, same)).toBe("");
      }),
    );
  });

  test("holds every line that only one of them has, and no line that neither has", () => {
    fc.assert(
      fc.property(text, text, (before, after) => {
        const shown = diff(before, after);
        const count = (lines: string[], line: string) => lines.filter((one) => one === line).length;
        for (const line of ["a", "b", "c", ""]) {
          const [had, has] = [before, after].map((whole) => count(whole.split("\n").slice(0, -1), line));
          const [removed, added] = [count(side(shown, "-"), line), count(side(shown, "+"), line)];
          expect(added - removed).toBe((has ?? 0) - (had ?? 0));
        }
      }),
    );
  });

  test("gives up on the least difference, and on nothing else, where texts are huge", () => {
    const lines = (first: number) => Array.from({ length: 3_500 }, (_, i) => `${first + i}\n`).join("");
    const shown = diff(lines(0), lines(10_000));
    expect(side(shown, "-")).toHaveLength(3_500);
    expect(side(shown, "+")).toHaveLength(3_500);
  });
});
