import { Command, CommanderError } from "commander";
import { type ExitCode, exitCodeOf, FleetsecError } from "../errors.ts";
import type { Platform, Terminal } from "../platform/platform.ts";
import type { Action, Bind, Cli, CommandEntry, GlobalOptions } from "./command.ts";
import { commands } from "./commands.ts";
import { joinExec } from "./exec-flag.ts";
import { createOutput, reportError } from "./output.ts";
import { askSecret, canPrompt } from "./prompt.ts";
import { version } from "./package-files.ts";

const UNSET = { json: false, quiet: false, verbose: false, color: true, input: true };

/** Runs one command line. Never throws: every fault is reported and becomes an exit code. */
export async function run(
  argv: readonly string[],
  terminal: Terminal,
  load: () => Promise<Platform>,
): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const bind: Bind =
    <A extends readonly unknown[]>(action: Action<A>) =>
    async (...args: unknown[]) => {
      // commander appends the command itself to the arguments
      const command = args.pop() as Command;
      const options = { ...UNSET, ...command.optsWithGlobals<Partial<GlobalOptions>>() };
      const platform = await load();
      const cli = askingForPins({ platform, options, output: createOutput(platform, options) });
      exitCode = await action(cli, ...(args as unknown as A));
    };
  try {
    const program = await createProgram(terminal, bind, (entry) => argv.includes(entry.name));
    if (argv.length === 0) program.help({ error: true });
    await program.parseAsync(joinExec(program, argv), { from: "user" });
    return exitCode;
  } catch (error) {
    return finish(argv, terminal, error);
  }
}

/** A token's PIN is asked for where a person is there and none was given. */
function askingForPins(cli: Cli): Cli {
  if (!canPrompt(cli)) return cli;
  const tokens = cli.platform.tokens.asking(() => askSecret("PIN of the token"));
  return { ...cli, platform: { ...cli.platform, tokens } };
}

/**
 * The command tree. Only the modules of `wanted` entries are loaded: the others are listed by
 * name and summary, so that `--help` and `--version` start at once.
 */
export async function createProgram(
  terminal: Terminal,
  bind: Bind,
  wanted: (entry: CommandEntry) => boolean,
): Promise<Command> {
  const program = new Command("fleetsec");
  program
    .description("Secure a TMS-to-autonomous-fleet integration by design, and prove it.")
    .version(version(), "--version", "print the version")
    .helpOption("--help", "print help")
    .option("--config <file>", "configuration (default: the nearest fleetsec.yaml upwards)")
    .option("--json", "one JSON document on stdout")
    .option("--quiet", "only results and errors")
    .option("--verbose", "say more, with stack traces of errors")
    .option("--no-color", "no colours (also NO_COLOR)")
    .option("--no-input", "never prompt; a missing answer is a usage error");
  configure(program, terminal);
  for (const entry of commands) {
    const command = program.command(entry.name).summary(entry.summary).description(entry.summary);
    configure(command, terminal);
    if (wanted(entry)) (await entry.load()).define(command, bind);
  }
  program.addHelpText("after", "\nRun fleetsec COMMAND --help for the flags of a command.");
  return program;
}

function configure(command: Command, terminal: Terminal): void {
  command
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
      // usage errors are reported by `finish`, in the form of every other error
      outputError: () => {},
      getOutHelpWidth: () => terminal.stdout.columns,
      getErrHelpWidth: () => terminal.stderr.columns,
      getOutHasColors: () => false,
    })
    .configureHelp({
      showGlobalOptions: true,
      sortSubcommands: false,
      // help is wrapped to the terminal: a line break in the source is none there
      commandDescription: (shown) => oneLine(shown.description()),
      subcommandDescription: (shown) => oneLine(shown.summary() || shown.description()),
    });
}

function oneLine(text: string): string {
  return text.replaceAll("\n", " ");
}

function finish(argv: readonly string[], terminal: Terminal, error: unknown): ExitCode {
  const flags = { json: argv.includes("--json"), verbose: argv.includes("--verbose") };
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    // a command that needs a subcommand has printed its help, which is no JSON
    if (error.code !== "commander.help" || flags.json) reportError(terminal, flags, usageError(error));
    return 2;
  }
  reportError(terminal, flags, error);
  return error instanceof FleetsecError ? exitCodeOf(error.code) : 70;
}

/** commander's `error: unknown option '--x'\n(Did you mean --y?)` as an error of ours. */
function usageError(error: CommanderError): FleetsecError {
  if (error.code === "commander.help") {
    return new FleetsecError("usage", "no command was given", {
      hint: "run it with --help for those there are",
    });
  }
  const [message = "", suggestion] = error.message.replace(/^error: /, "").split("\n");
  return new FleetsecError("usage", message.replace(/\.$/, ""), {
    hint:
      suggestion?.replace(/^\(Did you mean (.*)\?\)$/, "did you mean $1?") ??
      "run it with --help for what it takes",
    cause: error,
  });
}
