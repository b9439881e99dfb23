import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FleetsecError } from "../../../src/errors.ts";
import { type Problems, problemsOf } from "../../../src/pki/fleet/problems.ts";
import { distinct, readRoster, type RosterRow } from "../../../src/pki/fleet/roster.ts";
import { unlessRefused } from "../../support/refusal.ts";

/** @throws FleetsecError with everything that is wrong */
async function rowsOf(text: string) {
  const problems = problemsOf("fleet.csv");
  const rows = await read(text, problems);
  problems.throwAny();
  return rows;
}

async function read(text: string, problems: Problems): Promise<RosterRow[]> {
  const rows: RosterRow[] = [];
  for await (const row of distinct(readRoster(Buffer.from(text), "fleet.csv", problems), problems)) {
    rows.push(row);
  }
  return rows;
}

const problems = async (text: string): Promise<readonly string[]> => {
  try {
    await rowsOf(text);
  } catch (error) {
    if (error instanceof FleetsecError && error.code === "input") return [error.message, ...error.problems];
    throw error;
  }
  return [];
};

describe("a roster", () => {
  test("gives a row for each line, with what its cells say", async () => {
    const text =
      "\uFEFFname,role,sans,ttl,key_type,attributes\r\n" +
      'truck-1,fleet-edge,"dns:a.fleet.internal  ip:10.0.0.1",8h,p384,"vin=1FT 7;region=north"\r\n' +
      "\r\n" +
      "truck-2,,,,,\r\n";
    expect(await rowsOf(text)).toEqual([
      {
        line: 2,
        name: "truck-1",
        role: "fleet-edge",
        sans: [
          { type: "dns", value: "a.fleet.internal" },
          { type: "ip", value: "10.0.0.1" },
        ],
        ttl: 28_800,
        keyType: "p384",
        attributes: { vin: "1FT 7", region: "north" },
      },
      { line: 4, name: "truck-2", sans: [] },
    ]);
  });

  test("names every line that is wrong", async () => {
    const text =
      "name,ttl,sans,attributes\na,8h,,\na,8h,,\n,,,\nb,soon,,\nc,,nobody,\nd,,,x\ne,,,k=1;k=2\nf,\n";
    const [message, ...found] = await problems(text);
    expect(message).toBe("fleet.csv has 7 errors");
    expect(found.map((problem) => Number(/^line (\d+): /.exec(problem)?.[1]))).toEqual([3, 4, 5, 6, 7, 8, 9]);
    expect(found[0]).toBe("line 3: a stands on line 2 already");
  });

  test("names each cell of a line that is wrong, and reads the others", async () => {
    const found = problemsOf("fleet.csv");
    const text = "name,ttl,sans,attributes\na,soon,nobody dns:a.fleet.internal 1,x\n";
    expect(await read(text, found)).toMatchObject([
      { name: "a", sans: [{ type: "dns", value: "a.fleet.internal" }], ttl: undefined },
    ]);
    expect((await problems(text)).slice(1)).toEqual(Array(4).fill(expect.stringMatching(/^line 2: /)));
  });

  test("lists twenty faults and counts the rest", async () => {
    const found = await problems(
      `name,ttl\n${Array.from({ length: 30 }, (_, n) => `x${n},never\n`).join("")}`,
    );
    expect(found).toHaveLength(22);
    expect(found.at(-1)).toBe("and 10 more");
  });

  test.each([
    ["", "is empty"],
    ["name\n", "no line below it"],
    ["nam\nx\n", "unknown column: nam"],
    ["name,name\nx,y\n", "the column name twice"],
    ["role\nx\n", "no column name"],
    ['name\n"x\n', "is no CSV"],
    ["name,__proto__\nx,y\n", "unknown column: __proto__"],
    [`name\n${"x".repeat(20_000)}\n`, "is no CSV"],
  ])("%j is refused", async (text, message) => {
    expect((await problems(text)).join()).toContain(message);
  });

  test("an attribute named like a member of every object is refused or only that", async () => {
    expect((await problems("name,attributes\na,__proto__=1\n")).join()).toContain("not an attribute");
    const [row] = await rowsOf("name,attributes\na,constructor=1\n");
    expect(Object.entries(row?.attributes ?? {})).toEqual([["constructor", "1"]]);
  });

  test("whatever stands in it gives rows or a refusal", async () => {
    const cell = fc.oneof(fc.string(), fc.constantFrom('"', ",", "\n", "name", "dns:a", "k=v", "8h", "\r"));
    await fc.assert(
      fc.asyncProperty(fc.array(cell), async (cells) => {
        const rows = await rowsOf(`name,sans,attributes\n${cells.join("")}`).catch((error: unknown) =>
          unlessRefused((): RosterRow[] => {
            throw error;
          }),
        );
        expect(rows?.every(({ name }) => name !== "") ?? true).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});
