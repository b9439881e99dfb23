import type { Command } from "commander";
import { FleetsecError } from "../../errors.ts";
import type { Cli } from "../command.ts";
import { wordsFrom } from "./sources.ts";
import { type Values, valuesOf } from "./values.ts";

/** What can stand where the cursor is. */
export interface Offer {
  readonly words: readonly string[];
  /** Whether files can. */
  readonly files: boolean;
}

/** Words are put into a command line as they are: in every shell these are plain. */
const PLAIN = /^[A-Za-z0-9][A-Za-z0-9._+:=-]*$/;

/**
 * What can stand for the last word of a command line.
 * @param words after `fleetsec`; the last is the one at the cursor, perhaps empty. bash has `=` for a word
 */
export async function offer(cli: Cli, program: Command, words: readonly string[]): Promise<Offer> {
  const cursor = words.at(-1) ?? "";
  const { command, path, pending, position } = walk(program, words.slice(0, -1));
  const isFlag = cursor.startsWith("-");
  if (pending !== undefined && !(pending.isVariadic && isFlag)) {
    return valuesFor(cli, pending.values, cursor === "=" ? "" : cursor);
  }
  const [, flag, begun] = /^(--[a-z-]+)=(.*)$/s.exec(cursor) ?? [];
  if (flag !== undefined) {
    const inline = valueOf(command, program, path, flag);
    const { words: found, files } = await valuesFor(cli, inline ?? "free", begun ?? "");
    return { words: found.map((word) => `${flag}=${word}`), files };
  }
  if (isFlag) {
    const flags = [...command.options, ...program.options].flatMap(({ long }) => long ?? []);
    return matching([...new Set([...flags, "--help"])], cursor);
  }
  if (command.commands.length > 0 && position === 0)
    return matching(
      command.commands.map((child) => child.name()),
      cursor,
    );
  const argument = command.registeredArguments[position] ?? command.registeredArguments.at(-1);
  const isOver =
    position > 0 && argument?.variadic === false && position >= command.registeredArguments.length;
  if (argument === undefined || isOver) return { words: [], files: false };
  return valuesFor(cli, valuesOf(`${path} ${argument.name()}`, argument.name()) ?? "free", cursor);
}

/** Where a command line has come to. */
interface Place {
  readonly command: Command;
  /** Of the command: `cert issue`. */
  readonly path: string;
  /** What the flag before takes: one word, or all up to the next flag. */
  readonly pending: { readonly values: Values; readonly isVariadic: boolean } | undefined;
  /** Arguments that were given. */
  readonly position: number;
}

function walk(program: Command, words: readonly string[]): Place {
  let place: Place = { command: program, path: "", pending: undefined, position: 0 };
  for (const word of words) place = after(word, place, program);
  return place;
}

function after(word: string, place: Place, program: Command): Place {
  const { command, path, pending, position } = place;
  if (pending !== undefined) {
    if (word === "=") return place;
    if (!pending.isVariadic) return { ...place, pending: undefined };
    if (!word.startsWith("-")) return place;
  }
  if (word.startsWith("-")) {
    const values = valueOf(command, program, path, word);
    const isVariadic = /\.\.\.[>\]]$/.test(optionOf(command, program, word)?.flags ?? "");
    return { ...place, pending: values && { values, isVariadic } };
  }
  const child = position > 0 ? undefined : command.commands.find((one) => one.name() === word);
  if (child === undefined) return { ...place, position: position + 1 };
  return { command: child, path: `${path} ${word}`.trim(), pending: undefined, position: 0 };
}

function optionOf(command: Command, program: Command, flag: string) {
  return [...command.options, ...program.options].find(({ long }) => long === flag);
}

/** What a flag takes; undefined for one that takes nothing, or is none. */
function valueOf(command: Command, program: Command, path: string, flag: string): Values | undefined {
  const option = optionOf(command, program, flag);
  const [, placeholder] = /[<[](.*)[>\]]$/.exec(option?.flags ?? "") ?? [];
  return placeholder === undefined ? undefined : (valuesOf(`${path} ${flag}`, placeholder) ?? "free");
}

async function valuesFor(cli: Cli, values: Values, cursor: string): Promise<Offer> {
  if (values === "free" || values === "files") return { words: [], files: values === "files" };
  try {
    return matching(await wordsFrom(cli, values), cursor);
  } catch (error) {
    // a person is in the middle of a command line: what is wrong is said by the command itself
    if (error instanceof FleetsecError) return { words: [], files: false };
    throw error;
  }
}

function matching(words: readonly string[], cursor: string): Offer {
  const plain = words.filter(
    (word) => word.startsWith(cursor) && (word.startsWith("--") || PLAIN.test(word)),
  );
  return { words: [...new Set(plain)], files: false };
}
