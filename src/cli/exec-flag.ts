import type { Command } from "commander";
import { FleetsecError } from "../errors.ts";

/** Flags whose value is a command line: `--exec CMD ARG…`. A command has one of them. */
const FLAGS = ["--exec", "--signer-cmd"];

/**
 * Joins the words after such a flag into one, so that commander does not take a hook's own flags
 * (`--exec nginx -s reload --confirm HOST:PORT`) for ours. They reach up to the next flag that the
 * command knows, or to the end; after `--exec --` all words are the hook's.
 * @returns argv, with one word `--exec=JSON` in place of them where there are any
 * @throws FleetsecError `usage` where there are none, or the first is empty
 */
export function joinExec(program: Command, argv: readonly string[]): string[] {
  const at = argv.findIndex((word) => FLAGS.includes(flagOf(word)));
  const flag = flagOf(argv[at] ?? "");
  const command = commandOf(program, argv.slice(0, at));
  if (at < 0 || !command.options.some(({ long }) => long === flag)) return [...argv];
  const inline = argv[at]?.slice(flag.length + 1) ?? "";
  const words = [...(inline === "" ? [] : [inline]), ...argv.slice(at + 1)];
  const flags = new Set([command, program].flatMap(({ options }) => options.map(({ long }) => long)));
  const isLiteral = words[0] === "--";
  const end = isLiteral ? -1 : words.findIndex((word) => flags.has(flagOf(word)));
  const own = words.slice(isLiteral ? 1 : 0, end < 0 ? undefined : end);
  const rest = end < 0 ? [] : words.slice(end);
  if (own[0] === undefined || own[0] === "") {
    throw new FleetsecError("usage", `${flag} is followed by no program`, {
      hint: `write ${flag} CMD ARG…, up to the next flag of this command`,
    });
  }
  return [...argv.slice(0, at), `${flag}=${JSON.stringify(own)}`, ...rest];
}

function flagOf(word: string): string {
  return word.replace(/=.*/s, "");
}

function commandOf(program: Command, argv: readonly string[]): Command {
  return argv.reduce(
    (command, word) => command.commands.find((candidate) => candidate.name() === word) ?? command,
    program,
  );
}

/** The command line that `joinExec` made one value of. */
export function execWords(value: string): readonly [string, ...string[]] {
  return JSON.parse(value) as [string, ...string[]];
}
