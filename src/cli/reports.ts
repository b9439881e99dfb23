import { dirname, join, resolve } from "node:path";
import type { Command } from "commander";
import { type ExitCode, FleetsecError } from "../errors.ts";
import { escapeText } from "../report/escape.ts";
import { FORMATS, type Format, renderReport } from "../report/formats.ts";
import type { Report } from "../report/report.ts";
import type { FileKind, Files } from "../platform/files.ts";
import type { Cli } from "./command.ts";

export interface ReportFlags {
  readonly report?: readonly string[];
}

/** Adds --report, which every command with findings takes. */
export function withReports(command: Command): Command {
  return command.option(
    "--report <format=path>",
    `also write a report: ${FORMATS.join(", ")}; - for stdout (repeatable)`,
    (value: string, before: readonly string[] | undefined) => [...(before ?? []), value],
  );
}

/** A report that is asked for; without a path it goes to stdout. */
interface Wanted<F extends string = Format> {
  readonly format: F;
  readonly path: string | undefined;
}

/** The reports on findings that flags ask for. @throws FleetsecError as `wantedAmong` */
export function wantedReports(cli: Cli, { report }: ReportFlags): Wanted[] {
  return wantedAmong(FORMATS, cli, report);
}

/**
 * The reports that flags ask for. Every fault is found here, before the work of the command begins.
 * @throws FleetsecError `usage` for what is no format, and for a path that cannot be written
 */
export function wantedAmong<F extends string>(
  formats: readonly F[],
  { platform, output }: Cli,
  report: readonly string[] = [],
): Wanted<F>[] {
  const wanted = report.map((text): Wanted<F> => {
    const [, name, path = ""] = /^([a-z]+)=(.+)$/s.exec(text) ?? [];
    const format = formats.find((candidate) => candidate === name);
    if (format === undefined) {
      throw new FleetsecError("usage", `--report is not FORMAT=PATH: ${text}`, {
        hint: `the formats are ${formats.join(", ")}, e.g. --report ${formats[0]}=PATH`,
      });
    }
    return { format, path: path === "-" ? undefined : resolve(platform.cwd, path) };
  });
  if (wanted.filter(({ path }) => path === undefined).length + (output.json ? 1 : 0) > 1) {
    throw new FleetsecError("usage", "only one document fits on stdout", {
      hint: "write the other ones to files",
    });
  }
  const paths = wanted.flatMap(({ path }) => path ?? []);
  if (new Set(paths).size < paths.length) throw new FleetsecError("usage", "two reports go to the same file");
  for (const path of paths) checkWritable(platform, path, "a report");
  return wanted;
}

/**
 * Writes beside the file, as the file itself will be written, and takes it away again.
 * @param what the file will be, for messages
 * @throws FleetsecError `usage`
 */
export function checkWritable({ files, random }: Cli["platform"], path: string, what: string): void {
  const trial = join(dirname(path), `.fleetsec-${Buffer.from(random(8)).toString("hex")}`);
  try {
    const kind = kindBehind(files, path);
    // a rename there would replace a device, or the link to one, for the whole machine
    if (kind === "directory" || kind === "other" || dirname(path) === "/dev") {
      throw new FleetsecError("exists", `${path} is there and is no file`, {
        hint: "name a file that can be written",
      });
    }
    if (files.kind(dirname(path)) === undefined) {
      throw new FleetsecError("not-found", `the directory of ${path} does not exist`, {
        hint: "create it, or name a file in one that is there",
      });
    }
    files.write(trial, "");
    files.remove(trial);
  } catch (error) {
    if (!(error instanceof FleetsecError)) throw error;
    throw new FleetsecError("usage", `${what} cannot be written: ${error.message}`, {
      hint: "name a file in a directory that is there",
      cause: error,
    });
  }
}

/** Through a link, which may lead nowhere yet. */
function kindBehind(files: Files, path: string): FileKind | undefined {
  const kind = files.kind(path);
  if (kind !== "symlink") return kind;
  try {
    return files.stat(path).kind;
  } catch (error) {
    if (error instanceof FleetsecError && error.code === "not-found") return undefined;
    throw error;
  }
}

/** What a command established, in all forms. */
export interface Findings {
  readonly document: object;
  /** For a person. */
  readonly text: () => string;
  readonly report: () => Report | Promise<Report>;
}

/**
 * Prints a result and writes its reports. Where one of these takes stdout, the text goes to stderr.
 * @returns the exit code: the command's own, or 3 where it would be 0 and a report is not written
 */
export async function publish(
  cli: Cli,
  wanted: readonly Wanted[],
  findings: Findings,
  exitCode: ExitCode,
): Promise<ExitCode> {
  const { platform, output } = cli;
  if (wanted.length === 0) {
    output.result(findings.document, findings.text);
    return exitCode;
  }
  const report = await findings.report();
  const onStdout = wanted.find(({ path }) => path === undefined);
  if (onStdout === undefined) output.result(findings.document, findings.text);
  else {
    output.note(findings.text());
    platform.stdout.write(await renderReport(onStdout.format, report));
  }
  let missing = false;
  const attempt = (what: string, write: () => void) => {
    try {
      write();
    } catch (error) {
      if (!(error instanceof FleetsecError)) throw error;
      missing = true;
      output.warn(`${what} could not be written: ${escapeText(error.message)}`);
    }
  };
  for (const { format, path } of wanted) {
    if (path === undefined) continue;
    const text = await renderReport(format, report);
    attempt(`the report ${format}`, () => platform.files.write(path, text));
  }
  const summary = platform.env["GITHUB_STEP_SUMMARY"] ?? "";
  if (summary !== "" && wanted.some(({ format }) => format === "github")) {
    const { githubSummary } = await import("../report/formats/github.ts");
    attempt("the step's summary", () => platform.files.appendEvent(summary, githubSummary(report)));
  }
  return missing && exitCode === 0 ? 3 : exitCode;
}
