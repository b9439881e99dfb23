import type { CheckResult } from "../scaffold/check.ts";
import type { ScaffoldedFile, ScaffoldResult } from "../scaffold/scaffold.ts";
import { diff } from "./diff.ts";
import { isLeft } from "./file-changes.ts";
import type { Check, Report, Rule } from "./report.ts";

/** The result of `scaffold` as every report format is made from it. */
export function scaffoldReport(
  result: ScaffoldResult,
  context: Pick<Report, "version" | "time" | "document">,
  shownPath: (file: ScaffoldedFile) => string,
): Report {
  const left = result.files.filter(isLeft).length;
  const refused = result.checks.filter(({ outcome }) => outcome === "refused").length;
  const missed = result.checks.filter(({ outcome }) => outcome === "not-run").length;
  const counts = [
    ...(left > 0 ? [`${left} ${left === 1 ? "file differs" : "files differ"}`] : []),
    ...(refused > 0 ? [`${refused} refused by their engine`] : []),
    ...(missed > 0 ? [`${missed} not checked`] : []),
  ];
  return {
    ...context,
    command: "scaffold",
    headline: counts.length > 0 ? counts.join(", ") : "All files are as they were rendered",
    rules: [RENDERED, ACCEPTED],
    checks: [
      ...result.files.map((file) => fileCheck(file, shownPath(file))),
      ...result.checks.map(engineCheck),
    ],
  };
}

const RENDERED: Rule = {
  id: "as-rendered",
  title: "the file is as the templates render it",
  meaning: "what is deployed is not what fleetsec.yaml describes",
  reference: "",
  fix: "fleetsec scaffold --force replaces it",
};

const ACCEPTED: Rule = {
  id: "engine-accepts",
  title: "the engine accepts its configuration",
  meaning: "the gateway would not start, or the policy would not load",
  reference: "",
  fix: "",
};

function fileCheck(file: ScaffoldedFile, path: string): Check {
  const differs = isLeft(file);
  return {
    rule: RENDERED.id,
    outcome: differs ? "failed" : "passed",
    subject: path,
    variant: "",
    evidence: differs ? diff(file.current ?? "", file.content) : file.action,
    place: { path },
    key: [path],
  };
}

function engineCheck({ template, engine, command, outcome, output, hint }: CheckResult): Check {
  const said = [output.trim(), hint ?? ""].filter((text) => text !== "").join("\n");
  return {
    rule: ACCEPTED.id,
    outcome: ({ accepted: "passed", refused: "failed", "not-run": "inconclusive" } as const)[outcome],
    subject: `${template} by ${engine}`,
    variant: command.slice(1, 3).join(" "),
    evidence: said === "" ? command.join(" ") : said,
    key: [template, ...command.slice(0, 2)],
  };
}
