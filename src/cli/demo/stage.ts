import { join } from "node:path";
import { type ExitCode, FleetsecError } from "../../errors.ts";
import type { Platform, TextSink } from "../../platform/platform.ts";
import { escapeText } from "../../report/escape.ts";
import type { Style } from "../../report/style.ts";
import { run } from "../program.ts";

/** One command of the tour, as it went. */
export interface Performed {
  readonly command: string;
  readonly exitCode: ExitCode;
  readonly expected: ExitCode;
}

/**
 * Where the tour plays: a scratch directory in which fleetsec's own command lines are run, each
 * shown as a user would type it, with what it printed.
 */
export interface Stage {
  /** The scratch directory. */
  readonly directory: string;
  readonly platform: Platform;
  /** Announces a step. */
  title(text: string): void;
  /** Says something about what was or will be shown. */
  say(text: string): void;
  /** Runs a command line, shows it and its output, and gives that output. @throws when it ends otherwise than expected */
  perform(argv: readonly string[], expected?: ExitCode): Promise<string>;
  /** Runs a command line in the background until `stop` is called. */
  background(argv: readonly string[], ready: (output: string) => boolean): Promise<{ stop(): Promise<void> }>;
  readonly performed: readonly Performed[];
}

export function createStage(
  platform: Platform,
  directory: string,
  show: (text: string) => void,
  style: Style,
): Stage {
  const performed: Performed[] = [];
  let number = 0;
  const within = (stdout: TextSink, stderr: TextSink, signal: AbortSignal): Platform => ({
    ...platform,
    cwd: directory,
    // nothing of the user's own is touched: keys, passphrases and known checkpoints stay in the scratch
    userState: join(directory, ".state"),
    env: { PATH: platform.env["PATH"], NO_COLOR: "1" },
    stdout,
    stderr,
    signal,
  });
  const shown = (argv: readonly string[]) => `fleetsec ${argv.map(quoteWord).join(" ")}`;
  const captured = () => {
    let text = "";
    const sink: TextSink = {
      write: (part) => void (text += part),
      isTTY: false,
      columns: platform.stdout.columns - 4,
    };
    return { sink, text: () => text };
  };
  return {
    directory,
    platform,
    performed,
    title(text) {
      number += 1;
      show(`\n${style.strong(`${number}. ${text}`)}\n`);
    },
    say: (text) => show(`  ${style.faint(text)}\n`),
    async perform(argv, expected = 0) {
      show(`  ${style.strong("$")} ${shown(argv)}\n`);
      const output = captured();
      const exitCode = await run(argv, within(output.sink, output.sink, platform.signal));
      performed.push({ command: shown(argv), exitCode, expected });
      const lines = output.text().trimEnd().split("\n");
      show(lines.map((line) => `    ${line}`.trimEnd()).join("\n") + "\n");
      platform.signal.throwIfAborted();
      if (exitCode !== expected) {
        throw new FleetsecError("state", `${shown(argv)} ended with ${exitCode}, not ${expected}`, {
          hint: "the demo does not hold on this machine; run it again with --keep and look into its directory",
        });
      }
      if (expected !== 0) show(`    ${style.faint(`(exit ${exitCode}, as it must)`)}\n`);
      return output.text();
    },
    async background(argv, ready) {
      show(`  ${style.strong("$")} ${shown(argv)} &\n`);
      const output = captured();
      const stopped = new AbortController();
      const signal = AbortSignal.any([platform.signal, stopped.signal]);
      const state = { ended: false };
      const running = run(argv, within(output.sink, output.sink, signal)).finally(() => {
        state.ended = true;
      });
      while (!state.ended && !ready(output.text())) await platform.clock.sleep(20);
      if (state.ended) {
        throw new FleetsecError("state", `${shown(argv)} ended at once: ${escapeText(output.text().trim())}`);
      }
      for (const line of output.text().trimEnd().split("\n")) show(`    ${line}\n`);
      return {
        async stop() {
          stopped.abort(new FleetsecError("terminated", "stopped"));
          await running;
        },
      };
    },
  };
}

/** A word as it would be typed in a shell. */
function quoteWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
