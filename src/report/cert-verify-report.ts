import type { FileVerdict } from "../pki/verify/verify-files.ts";
import { type CertVerifyResult, certVerifyDocument } from "./cert-verify.ts";
import type { Check, Report, Rule } from "./report.ts";

/** The result of `cert verify` as every report format is made from it. */
export function certVerifyReport(
  result: CertVerifyResult,
  context: Pick<Report, "version" | "time">,
): Report {
  const { verdicts } = result;
  const of = (wanted: FileVerdict["status"]) => verdicts.filter(({ status }) => status === wanted).length;
  const counts = [
    [of("valid"), "valid"],
    [of("invalid"), "not valid"],
    [of("unknown"), "could not be established"],
  ] as const;
  const codes = new Set(verdicts.flatMap(({ reasons }) => reasons.map(({ code }) => code)));
  return {
    ...context,
    command: "cert verify",
    headline: counts.flatMap(([count, word]) => (count === 0 ? [] : [`${count} ${word}`])).join(", "),
    document: certVerifyDocument(result),
    rules: [
      VALID,
      ...[...codes].map((code): Rule => ({ ...VALID, id: code, title: code.replaceAll("-", " ") })),
    ],
    checks: verdicts.flatMap(checksOf),
  };
}

const VALID: Rule = {
  id: "valid",
  title: "the certificate is valid",
  meaning: "a certificate that is not valid must not be relied on",
  reference: "RFC 5280 section 6.1",
  fix: "",
};

function checksOf({ file, status, path, reasons }: FileVerdict): Check[] {
  const check = { subject: file, place: { path: file }, variant: "" };
  const subjects = path.map(({ subject }) => subject);
  if (status === "valid") {
    return [
      { ...check, rule: VALID.id, outcome: "passed", evidence: subjects.join(", issued by "), key: [file] },
    ];
  }
  return reasons.map(({ code, message, certificate }) => ({
    ...check,
    rule: code,
    outcome: status === "invalid" ? "failed" : "inconclusive",
    variant: `certificate ${certificate}`,
    evidence: `${message} (${subjects[certificate] ?? ""})`,
    key: [file, String(certificate)],
  }));
}
