import { type Markup, markup } from "../markup.ts";
import { type Check, nameOf, type Report, ruleOf } from "../report.ts";

/**
 * JUnit XML, as GitLab and Jenkins read it: a suite for each subject, a case for each check. What
 * could not be established is an error; what was left out is skipped, with the reason.
 */
export function junit(report: Report): string {
  const subjects = [...new Set(report.checks.map(({ subject }) => subject))];
  const time = new Date(report.time).toISOString().slice(0, 19);
  const suites = subjects.map((subject) => {
    const checks = report.checks.filter((check) => check.subject === subject);
    return markup`  <testsuite name="${subject}" timestamp="${time}"${counts(checks)}>
${checks.map((check) => testCase(report, check))}  </testsuite>
`;
  });
  return markup`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="fleetsec ${report.command}"${counts(report.checks)}>
${suites}</testsuites>
`.markup;
}

function counts(checks: readonly Check[]): Markup {
  const of = (element: Element) => checks.filter(({ outcome }) => ELEMENTS[outcome] === element).length;
  return markup` tests="${checks.length}" failures="${of("failure")}" errors="${of("error")}" skipped="${of("skipped")}"`;
}

type Element = "failure" | "error" | "skipped" | "system-out";

const ELEMENTS = {
  passed: "system-out",
  noted: "system-out",
  failed: "failure",
  inconclusive: "error",
  tolerated: "skipped",
  "not-applicable": "skipped",
  "not-run": "skipped",
} as const satisfies Record<Check["outcome"], Element>;

function testCase(report: Report, check: Check): Markup {
  return markup`    <testcase classname="${check.subject}" name="${nameOf(check)}">${result(report, check)}</testcase>
`;
}

function result(report: Report, check: Check): Markup {
  const { evidence, outcome } = check;
  switch (ELEMENTS[outcome]) {
    case "system-out":
      return markup`<system-out>${outcome === "noted" ? `noted: ${evidence}` : evidence}</system-out>`;
    case "skipped":
      return markup`<skipped message="${outcome}: ${evidence}"/>`;
    case "error":
      return markup`<error type="inconclusive" message="not established: ${evidence}"/>`;
    case "failure":
      return failure(report, check);
  }
}

function failure(report: Report, check: Check): Markup {
  const { id, title, meaning, reference, fix } = ruleOf(report, check);
  const why = reference === "" ? meaning : `${meaning} (${reference})`;
  const fixes = fix === "" ? [] : ["change:", ...fix.split("\n").map((line) => `  ${line}`)];
  const lines = [`what: ${check.evidence}`, `why: ${why}`, ...fixes];
  return markup`<failure type="${id}" message="${title}: ${check.evidence}">${lines.map(
    (line) => markup`${line}
`,
  )}</failure>`;
}
