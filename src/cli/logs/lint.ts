import { relative, resolve } from "node:path";
import type { ExitCode } from "../../errors.ts";
import { type LintFinding, lintLogs, type LintResult } from "../../logs/lint/lint.ts";
import { escapeText } from "../../report/escape.ts";
import { table } from "../../report/table.ts";
import type { Cli } from "../command.ts";
import { findProject } from "../project.ts";
import { publish, type ReportFlags, wantedReports } from "../reports.ts";
import { version } from "../package-files.ts";

export interface LintFlags extends ReportFlags {
  readonly in: readonly string[];
}

export async function lint(cli: Cli, flags: LintFlags): Promise<ExitCode> {
  const { platform, output } = cli;
  const reports = wantedReports(cli, flags);
  const inputs = flags.in.map((path) => (path === "-" ? path : resolve(platform.cwd, path)));
  const expected = findProject(cli)?.config.logs.services ?? {};
  const result = await lintLogs(inputs, platform, expected);
  for (const path of result.skipped) output.note(`passed over ${escapeText(path)}: no plain log file`);
  const document = { schema: "fleetsec.logs-lint/v1", ...result };
  const findings = {
    document,
    text: () => textOf(result, platform.cwd, output.columns),
    report: async () => {
      const { logsLintReport } = await import("../../report/logs-lint-report.ts");
      const context = { version: version(), time: platform.clock.now(), document };
      return logsLintReport(result, context, (file) => (file === "-" ? file : relative(platform.cwd, file)));
    },
  };
  return publish(cli, reports, findings, exitOf(result));
}

/** Where there is no record, nothing is established. */
function exitOf({ ok, faults, missing }: LintResult): ExitCode {
  if (ok) return 0;
  return faults === 0 && missing.length === 0 ? 3 : 1;
}

function textOf(result: LintResult, cwd: string, columns: number): string {
  const { ok, checked, faults, findings, missing } = result;
  const records = `${checked.records} ${checked.records === 1 ? "record" : "records"}`;
  if (ok) return `${records} checked: every one is a right event`;
  if (exitOf(result) === 3) {
    return `${records} checked: nothing is established\nhint: name the files that the services write, once they have written`;
  }
  const more = faults > findings.length ? [`… and ${faults - findings.length} more`] : [];
  const rows = findings.map((finding) => rowOf(finding, cwd));
  const never = missing.map(
    ({ service, eventTypes }) => `${escapeText(service)} never wrote: ${eventTypes.join(", ")}`,
  );
  const listed = rows.length === 0 ? [] : [table(rows, columns), ...more, ""];
  return [
    ...listed,
    ...never,
    ...(never.length > 0 ? [""] : []),
    `${records} checked: ${faults} findings`,
  ].join("\n");
}

function rowOf({ file, line, code, field, detail }: LintFinding, cwd: string): string[] {
  const name = file === "-" ? "stdin" : relative(cwd, file);
  const where = field === undefined ? "" : `${field}: `;
  return [escapeText(`${name}:${line}`), code, escapeText(`${where}${detail}`)];
}
