import { describe, expect, test } from "vitest";
import { formatBaseline, parseBaseline } from "../../src/config/baseline.ts";
import { FleetsecError } from "../../src/errors.ts";

const ENTRY = `  - attack: no-cert
    target: https://gateway.example/
    expires: 2027-01-31
    reason: goes in January
`;
const file = (entries: string) => `version: 1\naccept:\n${entries}`;

function problems(text: string): readonly string[] {
  try {
    parseBaseline(text, "base.yaml");
  } catch (error) {
    if (error instanceof FleetsecError && error.code === "config") return error.problems;
    throw error;
  }
  return [];
}

describe("a baseline file", () => {
  test("lists what is accepted, until when and why; the version may be a number", () => {
    const text = file(`${ENTRY}    tls: 1.2\n`);
    expect(parseBaseline(text, "base.yaml")).toEqual([
      {
        attack: "no-cert",
        target: "https://gateway.example/",
        tls: "1.2",
        expires: "2027-01-31",
        reason: "goes in January",
      },
    ]);
    expect(parseBaseline("version: 1\naccept: []\n", "base.yaml")).toEqual([]);
  });

  test.each([
    [file(ENTRY.replace("goes in January", '""')), "line 6: accept.0.reason: say why it is accepted"],
    [file(ENTRY.replace("goes in January", '"  "')), "line 6: accept.0.reason: say why it is accepted"],
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

  test("what is written is read back, but for the reasons that are missing", () => {
    const entry = {
      attack: "no-cert",
      target: "https://x/",
      tls: "1.3" as const,
      expires: "2027-01-31",
      reason: "y: z",
    };
    expect(parseBaseline(formatBaseline([entry]), "base.yaml")).toEqual([entry]);
    expect(problems(formatBaseline([{ ...entry, reason: "" }]))).toHaveLength(1);
  });
});
