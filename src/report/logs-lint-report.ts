import type { LintFinding, LintResult } from "../logs/lint/lint.ts";
import type { Check, Report, Rule } from "./report.ts";

/** The result of `logs lint` as every report format is made from it. */
export function logsLintReport(
  result: LintResult,
  context: Pick<Report, "version" | "time" | "document">,
  shownPath: (file: string) => string,
): Report {
  const { ok, checked, faults, findings, missing } = result;
  const rest = faults - findings.length;
  const isEmpty = !ok && faults === 0 && missing.length === 0;
  const records = `${checked.records} ${checked.records === 1 ? "record" : "records"}`;
  return {
    ...context,
    command: "logs lint",
    headline: ok
      ? `${records} checked: every one is a right event`
      : isEmpty
        ? `${records} checked: nothing is established`
        : `${faults} faults in ${records}`,
    rules: [
      RECORDS,
      ...(missing.length > 0 ? [SERVICES] : []),
      ...new Set(findings.map(({ code }) => code)),
    ].map((rule) => (typeof rule === "string" ? ruleOf(rule) : rule)),
    checks: [
      ...findings.map((finding) => checkOf(finding, shownPath(finding.file))),
      ...missing.map(({ service, eventTypes }) =>
        failedService(service, `it never wrote: ${eventTypes.join(", ")}`),
      ),
      ...(rest > 0 ? [summed("failed", `and ${rest} more faults`)] : []),
      ...(isEmpty ? [summed("inconclusive", "there is no record in the inputs")] : []),
      ...(ok ? [summed("passed", `${records} checked`)] : []),
    ],
  };
}

const RECORDS: Rule = {
  id: "records",
  title: "every record is a right event",
  meaning: "records that are no right events are of no use as evidence",
  reference: "",
  fix: "",
};

const SERVICES: Rule = {
  ...RECORDS,
  id: "services",
  title: "every service writes the events that it is to write",
  meaning: "a service that does not log cannot be audited",
};

function failedService(service: string, evidence: string): Check {
  return { rule: SERVICES.id, outcome: "failed", subject: service, variant: "", evidence, key: [service] };
}

function summed(outcome: "passed" | "failed" | "inconclusive", evidence: string): Check {
  return { rule: RECORDS.id, outcome, subject: "all inputs", variant: "", evidence, key: ["all"] };
}

function ruleOf(code: LintFinding["code"]): Rule {
  return { ...RECORDS, id: code, title: TITLES[code] };
}

const TITLES: Readonly<Record<LintFinding["code"], string>> = {
  NOT_UTF8: "the line is not UTF-8",
  NOT_JSON: "the line is no JSON",
  NOT_OBJECT: "the line is no JSON object",
  TOO_DEEP: "the object is nested too deep",
  DUPLICATE_KEY: "a key stands there twice",
  FIELD_MISSING: "a required field is missing",
  FIELD_INVALID: "a field has no right value",
  SIGNATURE_MISMATCH: "the record's own digest is not its digest",
};

function checkOf({ code, field, detail, line }: LintFinding, path: string): Check {
  const subject = path === "-" ? "standard input" : path;
  return {
    rule: code,
    outcome: "failed",
    subject,
    variant: `line ${line}${field === undefined ? "" : `, ${field}`}`,
    evidence: detail,
    place: path === "-" ? undefined : { path, line },
    key: [subject, String(line), field ?? ""],
  };
}
