import { describe, expect, test } from "vitest";
import { formatBaseline, parseBaseline } from "../../src/config/baseline.ts";
import { FleetsecError } from "../../src/errors.ts";

const ENTRY = `  - attack: no-cert
    target: https://gateway.example/
    expires: 2027-01-31
    reason: goes in January
`;
const file = (entries: string) => `version: 1\naccept:\n${entries}`;

const NOW = Date.parse("2026-11-30T12:00:00Z");
const parse = (text: string, rules: Parameters<typeof parseBaseline>[3] = () => []) =>
  parseBaseline(text, "base.yaml", NOW, rules);

function problems(text: string, rules?: Parameters<typeof parseBaseline>[3]): readonly string[] {
  try {
    parse(text, rules);
  } catch (error) {
    if (error instanceof FleetsecError && error.code === "config") return error.problems;
    throw error;
  }
  return [];
}

describe("a baseline file", () => {
  test("lists what is accepted, until when and why; the version may be a number", () => {
    const text = file(`${ENTRY}    tls: 1.2\n`);
    expect(parse(text)).toEqual([
      {
        attack: "no-cert",
        target: "https://gateway.example/",
        tls: "1.2",
        expires: "2027-01-31",
        reason: "goes in January",
      },
    ]);
    expect(parse("version: 1\naccept: []\n")).toEqual([]);
  });

  test.each([
    [file(ENTRY.replace("goes in January", '""')), "line 6: accept.0.reason: say why it is accepted"],
    [file(ENTRY.replace("goes in January", '"  "')), "line 6: accept.0.reason: say why it is accepted"],
    [file(ENTRY.replace("goes in January", '"\u200b"')), "line 6: accept.0.reason: say why it is accepted"],
    [
      file(ENTRY.replace("2027-01-31", "2027-12-02")),
      "line 5: accept.0.expires: more than a year: the last day is 2027-12-01",
    ],
    [file(ENTRY.replace("2027-01-31", "2027-02-30")), "line 5: accept.0.expires: there is no such day"],
    [
      file(ENTRY.replace("2027-01-31", "never")),
      "line 5: accept.0.expires: not a date: write it as 2027-01-31",
    ],
    [file(`${ENTRY}    tls: 1.1\n`), "line 7: accept.0.tls: use 1.2 or 1.3, or leave it out for both"],
    [file(`${ENTRY}${ENTRY}`), "line 7: accept.1: stands there twice"],
    [file(`${ENTRY}    until: 2028\n`), "line 7: accept.0.until: unknown key"],
  ])("%#: what is wrong is refused with its line", (text, problem) => {
    expect(problems(text)).toContain(problem);
  });

  test("the last day may be a year away, and the reason in any language", () => {
    const text = file(ENTRY.replace("2027-01-31", "2027-12-01").replace("goes in January", "旧"));
    expect(problems(text)).toEqual([]);
  });

  test("what else is wrong with an entry is told with its line", () => {
    const rules = ({ attack }: { attack: string }) => [{ at: ["attack"], message: `what is ${attack}?` }];
    expect(problems(file(ENTRY), rules)).toEqual(["line 3: accept.0.attack: what is no-cert?"]);
  });

  test("what is written is read back, but for the reasons that are missing", () => {
    const entry = {
      attack: "no-cert",
      target: "https://x/",
      tls: "1.3" as const,
      expires: "2027-01-31",
      reason: "y: z",
    };
    expect(parse(formatBaseline([entry]))).toEqual([entry]);
    expect(problems(formatBaseline([{ ...entry, reason: "" }]))).toHaveLength(1);
  });
});
