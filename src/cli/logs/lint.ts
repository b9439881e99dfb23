import { relative, resolve } from "node:path";
import type { ExitCode } from "../../errors.ts";
import { type LintFinding, lintLogs, type LintResult } from "../../logs/lint/lint.ts";
import { escapeText } from "../../report/escape.ts";
import { table } from "../../report/table.ts";
import type { Cli } from "../command.ts";

export interface LintFlags {
  readonly in: readonly string[];
}

export async function lint({ platform, output }: Cli, flags: LintFlags): Promise<ExitCode> {
  const inputs = flags.in.map((path) => (path === "-" ? path : resolve(platform.cwd, path)));
  const result = await lintLogs(inputs, platform);
  for (const path of result.skipped) output.note(`passed over ${escapeText(path)}: no plain log file`);
  output.result({ schema: "fleetsec.logs-lint/v1", ...result }, () =>
    textOf(result, platform.cwd, output.columns),
  );
  return result.ok ? 0 : 1;
}

function textOf({ ok, checked, faults, findings }: LintResult, cwd: string, columns: number): string {
  const records = `${checked.records} ${checked.records === 1 ? "record" : "records"}`;
  if (ok) return `${records} checked: every one is a right event`;
  const more = faults > findings.length ? [`… and ${faults - findings.length} more`] : [];
  const rows = findings.map((finding) => rowOf(finding, cwd));
  return [table(rows, columns), ...more, "", `${records} checked: ${faults} findings`].join("\n");
}

function rowOf({ file, line, code, field, detail }: LintFinding, cwd: string): string[] {
  const name = file === "-" ? "stdin" : relative(cwd, file);
  const where = field === undefined ? "" : `${field}: `;
  return [escapeText(`${name}:${line}`), code, escapeText(`${where}${detail}`)];
}
