import type { Finding } from "../logs/verify/finding.ts";
import type { Verification } from "../logs/verify/verification.ts";
import { verifyLogsBody } from "./html/verify-logs.ts";
import type { Check, Report, Rule } from "./report.ts";
import { partText, verifyLogsDocument } from "./verify-logs.ts";
import { LOG_RULES } from "./verify-logs-rules.ts";

export interface VerifyLogsReportContext {
  readonly version: string;
  readonly time: number;
  /** The store relative to the current directory, or its URL. */
  readonly store: string;
}

/** The result of `verify-logs` as every report format is made from it. */
export function verifyLogsReport(
  result: Verification,
  { version, time, store }: VerifyLogsReportContext,
): Report {
  const { log, findings, omitted, unestablished } = result;
  const subject = log?.origin ?? store;
  const check = (rule: Rule, outcome: Check["outcome"], evidence: string, key: string): Check => ({
    rule: rule.id,
    outcome,
    subject,
    variant: "",
    evidence,
    key: [subject, key],
  });
  return {
    command: "verify-logs",
    version,
    time,
    headline: headlineOf(result),
    document: verifyLogsDocument(result),
    rules: [
      INTACT,
      COMPLETE,
      ANCHORED,
      ...[...new Set(findings.map(({ code }) => code))].map((code): Rule => ({
        id: code,
        ...LOG_RULES[code],
        reference: "",
        fix: "",
      })),
    ],
    checks: [
      ...findings.map((finding) => findingCheck(finding, subject, store)),
      ...(omitted > 0 ? [check(INTACT, "failed", `and ${omitted} more findings`, "omitted")] : []),
      ...(result.verdict === "altered" ? [] : [check(INTACT, "passed", checkedText(result), "intact")]),
      ...unestablished.map((reason) => check(COMPLETE, "inconclusive", reason, reason)),
      anchorCheck(result, check),
    ],
    body: () => verifyLogsBody(result),
  };
}

const INTACT: Rule = {
  id: "intact",
  title: "nothing was altered since it was signed",
  meaning: "records are not what was signed",
  reference: "",
  fix: "",
};

const COMPLETE: Rule = {
  id: "all-checked",
  title: "everything that was asked for could be checked",
  meaning: "what was not checked may be altered",
  reference: "",
  fix: "",
};

const ANCHORED: Rule = {
  id: "anchored",
  title: "something outside the store vouches for it",
  meaning: "the end could be cut off, or the holder of the signing key could have rewritten it all",
  reference: "",
  fix: "name a checkpoint that was kept elsewhere with --anchor, keep the state of this command, or use witnesses",
};

function headlineOf(result: Verification): string {
  const { verdict, ok, counts } = result;
  const part = partText(result) ?? "";
  const found = Object.values(counts).reduce((sum, one) => sum + one, 0);
  switch (verdict) {
    case "intact":
      return `Intact and anchored${part}`;
    case "unanchored":
      return `Intact but unanchored${ok ? " (allowed)" : ""}${part}`;
    case "altered":
      return `Altered: ${found} ${found === 1 ? "finding" : "findings"}`;
    case "not-established":
      return "Not established: not all could be checked";
  }
}

function checkedText({ leaves, checked }: Verification): string {
  const { batches, records, bytes, skipped } = checked;
  return leaves === "records"
    ? `${records} leaves, ${bytes} bytes`
    : `${batches} batches, ${records} records, ${bytes} bytes${skipped === 0 ? "" : `; ${skipped} batches not read`}`;
}

function findingCheck(finding: Finding, subject: string, store: string): Check {
  const { code, seq, line, offset, path, detail, expected, found } = finding;
  const variant = [
    ...(seq === undefined ? [] : [`batch ${seq}`]),
    ...(line === undefined ? [] : [`line ${line}`]),
    ...(offset === undefined ? [] : [`byte ${offset}`]),
  ].join(", ");
  const hashes = [
    ...(expected === undefined ? [] : [`signed ${expected}`]),
    ...(found === undefined ? [] : [`found ${found}`]),
  ];
  return {
    rule: code,
    outcome: "failed",
    subject,
    variant,
    evidence: hashes.length === 0 ? detail : `${detail} (${hashes.join(", ")})`,
    place:
      path === undefined
        ? { path: store }
        : { path: store === "." ? path : `${store.replace(/\/$/, "")}/${path}`, line, offset },
    key: [subject, path ?? "", String(seq ?? ""), String(line ?? ""), String(offset ?? "")],
  };
}

function anchorCheck(
  { verdict, ok, anchors }: Verification,
  check: (rule: Rule, outcome: Check["outcome"], evidence: string, key: string) => Check,
): Check {
  if (anchors.length > 0) {
    const names = anchors.map(({ kind, size, source }) => `${kind} up to size ${size}: ${source}`);
    return check(ANCHORED, "passed", names.join("; "), "anchor");
  }
  // of an altered log, or one not wholly checked, its end is not the question
  if (verdict !== "unanchored") return check(ANCHORED, "not-run", "nothing anchors it", "anchor");
  return check(ANCHORED, ok ? "noted" : "inconclusive", "nothing outside the store anchors it", "anchor");
}
