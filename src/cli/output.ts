import { FleetsecError } from "../errors.ts";
import type { Terminal } from "../platform/platform.ts";
import { escapeText, withoutWorkflowCommands } from "../report/escape.ts";
import type { GlobalOptions } from "./command.ts";

/** stdout is the result, stderr is everything else. */
export interface Output {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** Whether stdout, or stderr, takes colour. */
  readonly color: { readonly stdout: boolean; readonly stderr: boolean };
  /** Width of stdout in characters. */
  readonly columns: number;
  /** The command's result: the document with `--json`, the text otherwise. */
  result(document: object, text: () => string): void;
  /** The same of a long one: `json` gives the document's text in pieces, cut between its values. */
  longResult(json: () => Iterable<string>, text: () => string): void;
  /** What happens, for a person; silent with `--quiet`. The text is escaped already. */
  note(text: string): void;
  /** What a person should know even with `--quiet`. */
  warn(text: string): void;
  /** A status line on stderr that the next one replaces, on a terminal; nothing elsewhere. */
  progress(text: string): void;
}

export function createOutput(terminal: Terminal, options: GlobalOptions): Output {
  const { stdout, stderr, env } = terminal;
  const colorOf = (isTTY: boolean) =>
    options.color && isTTY && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
  // what a server or a log says must not steer the job that shows it
  const safe = env["GITHUB_ACTIONS"] === "true" ? withoutWorkflowCommands : (text: string) => text;
  // in JSON, #\u0023 is the same text
  const safeJson = (text: string) => text.replaceAll("##[", "#\\u0023[");
  let statusShown = false;
  const clearStatus = () => {
    if (statusShown) stderr.write("\r\u001b[K");
    statusShown = false;
  };
  return {
    json: options.json,
    quiet: options.quiet,
    verbose: options.verbose,
    color: { stdout: colorOf(stdout.isTTY), stderr: colorOf(stderr.isTTY) },
    columns: stdout.columns,
    result(document, text) {
      clearStatus();
      if (options.json) stdout.write(`${safeJson(JSON.stringify(document, null, 2))}\n`);
      else stdout.write(withNewline(safe(text())));
    },
    longResult(json, text) {
      clearStatus();
      if (!options.json) stdout.write(withNewline(safe(text())));
      else for (const piece of json()) stdout.write(safeJson(piece));
    },
    note(text) {
      clearStatus();
      if (!options.quiet) stderr.write(withNewline(safe(text)));
    },
    warn(text) {
      clearStatus();
      stderr.write(withNewline(safe(`fleetsec: warning: ${text}`)));
    },
    progress(text) {
      if (!stderr.isTTY || options.quiet || options.json) return;
      clearStatus();
      stderr.write(text.slice(0, stderr.columns - 1));
      statusShown = true;
    },
  };
}

/** Reports an error and says nothing else: one line, a hint, and a stack only with `--verbose`. */
export function reportError(
  terminal: Terminal,
  options: { json: boolean; verbose: boolean },
  error: unknown,
): void {
  const known = error instanceof FleetsecError ? error : undefined;
  const code = known?.code ?? "bug";
  const message =
    known?.message ?? `internal error: ${error instanceof Error ? error.message : String(error)}`;
  const hint =
    known === undefined ? "this is a bug in fleetsec; run again with --verbose and report it" : known.hint;
  const problems = known?.problems ?? [];
  if (options.json) {
    const document = {
      schema: "fleetsec.error/v1",
      code,
      message,
      ...(hint === undefined ? {} : { hint }),
      ...(problems.length === 0 ? {} : { problems }),
    };
    terminal.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  } else {
    const asked = code === "interrupted" || code === "terminated";
    terminal.stderr.write(`fleetsec: ${asked ? "" : "error: "}${escapeText(message)}\n`);
    for (const problem of problems) terminal.stderr.write(`  ${escapeText(problem)}\n`);
    if (hint !== undefined) terminal.stderr.write(`hint: ${escapeText(hint)}\n`);
  }
  if (options.verbose && error instanceof Error)
    terminal.stderr.write(`${escapeText(error.stack ?? "", { newlines: true })}\n`);
}

function withNewline(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}
