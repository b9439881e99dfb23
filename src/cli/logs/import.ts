import { relative, resolve } from "node:path";
import { type ExitCode, FleetsecError } from "../../errors.ts";
import { newEventFile } from "../../logs/import/event-file.ts";
import { importFormats, importLogs, type ImportResult } from "../../logs/import/import.ts";
import { escapeText } from "../../report/escape.ts";
import { table } from "../../report/table.ts";
import type { Cli } from "../command.ts";

export interface ImportFlags {
  readonly format: string;
  readonly in: readonly string[];
  readonly out: string;
}

export async function importEvents(cli: Cli, flags: ImportFlags): Promise<ExitCode> {
  const { platform, output } = cli;
  const format = importFormats.find((known) => known === flags.format);
  if (format === undefined) {
    throw new FleetsecError("usage", `--format is none that can be imported: ${flags.format}`, {
      hint: `name one of ${importFormats.join(", ")}`,
    });
  }
  const toStdout = flags.out === "-";
  if (toStdout && output.json) {
    throw new FleetsecError("usage", "with --json, standard output is for the result", {
      hint: "name a file for the events with --out",
    });
  }
  const events = toStdout
    ? { write: (line: string) => platform.stdout.write(line), end() {} }
    : newEventFile(platform.files, resolve(platform.cwd, flags.out));
  const inputs = flags.in.map((path) => (path === "-" ? path : resolve(platform.cwd, path)));
  const result = await importLogs({ format, inputs }, platform, events);
  for (const path of result.skipped) output.note(`passed over ${escapeText(path)}: no plain log file`);
  const text = textOf(result, platform.cwd, output.columns);
  if (!toStdout) output.result({ schema: "fleetsec.logs-import/v1", ...result }, () => text);
  else if (result.ok) output.note(text);
  else output.warn(text);
  return exitOf(result);
}

/** Where there was no line, nothing is established. */
function exitOf({ ok, faults }: ImportResult): ExitCode {
  if (ok) return 0;
  return faults > 0 ? 1 : 3;
}

function textOf(result: ImportResult, cwd: string, columns: number): string {
  const { lines, events, passedOver, faults, findings } = result;
  if (lines === 0) return "there was no line to import: nothing is established";
  const rows = findings.map(({ file, line, detail }) => [
    escapeText(`${file === "-" ? "stdin" : relative(cwd, file)}:${line}`),
    escapeText(detail),
  ]);
  const more = faults > findings.length ? [`… and ${faults - findings.length} more`] : [];
  const summary = `${events} events of ${lines} lines; ${passedOver} passed over, ${faults} not understood`;
  return [summary, ...(rows.length === 0 ? [] : [table(rows, columns), ...more])].join("\n");
}
