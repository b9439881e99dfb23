import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { styleFor } from "../../src/report/style.ts";
import { table } from "../../src/report/table.ts";

describe("table", () => {
  test("aligns columns and trims line ends", () => {
    expect(
      table(
        [
          ["a", "bb", "c"],
          ["aaa", "b", ""],
        ],
        80,
      ),
    ).toBe("a    bb  c\naaa  b");
  });

  test("the widest column gives way to the terminal", () => {
    const text = table([["name", "x".repeat(100)]], 40);
    expect(text.length).toBe(40);
    expect(text.endsWith("…")).toBe(true);
  });

  test("a column that tells enough by a few characters gives way first, and no further", () => {
    const rows = [["n".repeat(20), "s".repeat(16)]];
    const serial = { column: 1, least: 8 };
    expect(table(rows, 38, serial)).toBe(`${"n".repeat(20)}  ${"s".repeat(16)}`);
    expect(table(rows, 37, serial)).toBe(`${"n".repeat(20)}  ${"s".repeat(14)}…`);
    expect(table(rows, 31, serial)).toBe(`${"n".repeat(20)}  ${"s".repeat(8)}…`);
    expect(table(rows, 30, serial)).toBe(`${"n".repeat(18)}…  ${"s".repeat(8)}…`);
    expect(table([["a", "b"]], 3, serial)).toBe("a  b");
  });

  test("colour does not count as width, and never leaks out of a cut cell", async () => {
    const style = await styleFor(true);
    expect(
      table(
        [
          [style.bad("no"), "x"],
          ["long", "y"],
        ],
        80,
      ).split("\n")[0],
    ).toBe(`${style.bad("no")}    x`);
    expect(table([[style.bad("x".repeat(50))]], 10)).toBe(`${"x".repeat(9)}…`);
    expect((await styleFor(false)).good("plain")).toBe("plain");
  });

  test("no line is wider than the terminal where there is room for the columns", () => {
    const cell = fc.string({ unit: "grapheme-ascii", maxLength: 60 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(cell, cell, cell), { minLength: 1 }),
        fc.integer({ min: 24, max: 120 }),
        (rows, columns) => {
          for (const line of table(rows, columns).split("\n"))
            expect(line.length).toBeLessThanOrEqual(columns);
        },
      ),
    );
  });
});
