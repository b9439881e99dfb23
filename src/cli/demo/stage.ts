import { join } from "node:path";
import { type ExitCode, FleetsecError } from "../../errors.ts";
import type { Files } from "../../platform/files.ts";
import type { Platform, TextSink } from "../../platform/platform.ts";
import type { Style } from "../../report/style.ts";
import { run } from "../program.ts";

/** One command of the tour, as it went. */
export interface Performed {
  readonly command: string;
  readonly exitCode: ExitCode;
  readonly expected: ExitCode;
}

/** A command that runs until it is stopped. */
export interface Running {
  /** What it has printed so far. */
  readonly output: () => string;
  /** Waits until its output says so. @throws where it ends first, or ten seconds pass */
  until(said: (output: string) => boolean): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Where the tour plays: a scratch directory in which fleetsec's own command lines are run, each
 * shown as a user would type it, with what it printed.
 */
export interface Stage {
  /** The scratch directory. */
  readonly directory: string;
  readonly files: Files;
  readonly performed: readonly Performed[];
  /** Announces a chapter. */
  title(text: string): void;
  /** Says something about what is shown. */
  say(text: string): void;
  /** Runs a command line and gives what it printed. @throws where it ends otherwise than expected */
  perform(argv: readonly string[], expected?: ExitCode): Promise<string>;
  /** Starts a command line and waits until it says that it is ready. */
  start(argv: readonly string[], ready: (output: string) => boolean): Promise<Running>;
  /** Shows a line of shell and does in Node what it says, since the tour needs nothing but Node. */
  shell(line: string, action: () => void, printed?: string): void;
}

export function createStage(
  platform: Platform,
  directory: string,
  show: (text: string) => void,
  style: Style,
): Stage {
  const performed: Performed[] = [];
  let chapter = 0;
  const within = (output: TextSink, signal: AbortSignal): Platform => ({
    ...platform,
    cwd: directory,
    // nothing of the user's own is touched: passphrases and known checkpoints stay in the scratch
    userState: join(directory, ".state"),
    env: { PATH: platform.env["PATH"], NO_COLOR: "1" },
    stdout: output,
    stderr: output,
    signal,
  });
  const prompt = (line: string) => show(`  ${style.strong(`$ ${line}`)}\n`);
  const indented = (text: string) => show(text.trimEnd().replace(/^(?=.)/gm, "    ") + "\n");
  return {
    directory,
    files: platform.files,
    performed,
    title(text) {
      chapter += 1;
      show(`\n${style.strong(`${chapter}. ${text}`)}\n`);
    },
    say: (text) => show(`\n  ${style.faint(text)}\n`),
    shell(line, action, printed) {
      prompt(line);
      action();
      if (printed !== undefined) indented(printed);
    },
    async perform(argv, expected = 0) {
      const command = commandLine(argv);
      prompt(command);
      const output = capture(platform.stdout.columns - 4);
      const exitCode = await runOn(argv, within(output.sink, platform.signal));
      platform.signal.throwIfAborted();
      performed.push({ command, exitCode, expected });
      indented(output.text());
      if (exitCode !== expected)
        throw unexpected(`${command} ended with exit code ${exitCode}, not ${expected}`);
      if (expected !== 0) show(`    ${style.faint(`(exit code ${exitCode}, as it must be)`)}\n`);
      return output.text();
    },
    async start(argv, ready) {
      const command = commandLine(argv);
      prompt(`${command} &`);
      const output = capture(platform.stdout.columns - 4);
      const stopping = new AbortController();
      const state = { ended: false };
      const signal = AbortSignal.any([platform.signal, stopping.signal]);
      const ending = runOn(argv, within(output.sink, signal)).finally(() => {
        state.ended = true;
      });
      const until = async (said: (text: string) => boolean) => {
        const deadline = platform.clock.now() + 10_000;
        while (!said(output.text())) {
          if (state.ended || platform.clock.now() > deadline) {
            throw unexpected(`${command} did not do what it must: ${output.text().trim()}`);
          }
          await platform.clock.sleep(20, platform.signal);
        }
      };
      await until(ready);
      indented(output.text());
      return {
        output: output.text,
        until,
        async stop() {
          stopping.abort(new FleetsecError("terminated", "terminated"));
          await ending;
        },
      };
    },
  };
}

function runOn(argv: readonly string[], platform: Platform): Promise<ExitCode> {
  return run(argv, platform, () => Promise.resolve(platform));
}

function capture(columns: number): { sink: TextSink; text: () => string } {
  let text = "";
  const write = (part: string) => {
    text += part;
  };
  return { sink: { write, isTTY: false, columns }, text: () => text };
}

/** The tour shows what must hold everywhere: where it does not, something is broken. */
function unexpected(message: string): FleetsecError {
  return new FleetsecError("state", message, {
    hint: "the demo does not hold here; --keep leaves its directory for a look",
  });
}

function commandLine(argv: readonly string[]): string {
  return ["fleetsec", ...argv].map(quoteWord).join(" ");
}

/** A word as it would be typed in a shell. */
function quoteWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
