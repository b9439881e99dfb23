import { join } from "node:path";
import { FleetsecError } from "../../errors.ts";
import type { Files } from "../../platform/files.ts";
import { ifThere, MAX_ATTEMPTS } from "./follow/rotated.ts";

/** The name of standard input. */
export const STREAM = "-";

export interface ExpandedInputs {
  /** Absolute paths of files, and `-`; each once, in the order in which they are signed. */
  readonly paths: readonly string[];
  /** Names in a directory that are passed over: not regular files, hidden, or compressed. */
  readonly skipped: readonly string[];
  /** Other names of files that are among the paths already: links. */
  readonly repeated: readonly { readonly path: string; readonly as: string }[];
}

const COMPRESSED = /\.(gz|bz2|xz|zst|lz4|zip)$/;

/**
 * Replaces each directory by the files in it. Rotated files come in the order in which they were
 * written: `a.log.2`, `a.log.1`, `a.log`.
 * @param inputs absolute paths, or `-`
 * @throws FleetsecError `input` where a directory holds no file
 */
export function expandInputs(files: Files, inputs: readonly string[]): ExpandedInputs {
  const paths: string[] = [];
  const skipped: string[] = [];
  for (const input of inputs) {
    if (input === STREAM || !isDirectory(files, input)) {
      paths.push(input);
      continue;
    }
    const { usable, others } = logFilesIn(files, input);
    skipped.push(...others.map((name) => join(input, name)));
    paths.push(...usable.sort(byRotation).map((name) => join(input, name)));
  }
  if (paths.length === 0) {
    throw new FleetsecError("input", `there is no log file in ${inputs.join(", ")}`, {
      hint: "give a file, a directory with log files that are not compressed, or - for standard input",
    });
  }
  return { ...eachFileOnce(files, paths), skipped };
}

/** The names in a directory; listed again where one is gone, as it can have another name now. */
function logFilesIn(
  files: Files,
  directory: string,
): { readonly usable: string[]; readonly others: string[] } {
  for (let attempt = 1; ; attempt += 1) {
    const kinds = files.list(directory).map((name) => ({ name, kind: files.kind(join(directory, name)) }));
    if (kinds.some(({ kind }) => kind === undefined) && attempt < MAX_ATTEMPTS) continue;
    const isUsable = ({ name, kind }: (typeof kinds)[number]) => kind === "file" && isLogName(name);
    const namesOf = (those: typeof kinds) => those.map(({ name }) => name);
    return {
      usable: namesOf(kinds.filter(isUsable)),
      others: namesOf(kinds.filter((one) => !isUsable(one))),
    };
  }
}

/** A file that has several names is one: its lines would be signed twice. */
function eachFileOnce(files: Files, named: readonly string[]): Pick<ExpandedInputs, "paths" | "repeated"> {
  const byId = new Map<string, string>();
  const repeated: { path: string; as: string }[] = [];
  const paths = [...new Set(named)].filter((path) => {
    const id = path === STREAM ? undefined : idOf(files, path);
    const as = id === undefined ? undefined : byId.get(id);
    if (as !== undefined) repeated.push({ path, as });
    else if (id !== undefined) byId.set(id, path);
    return as === undefined;
  });
  return { paths, repeated };
}

/** Device and inode; undefined where there is nothing, which is told where it is opened. */
function idOf(files: Files, path: string): string | undefined {
  try {
    return files.stat(path).id;
  } catch (error) {
    if (error instanceof FleetsecError) return undefined;
    throw error;
  }
}

/** What the user is told of such a file. */
export function repeatedText({ path, as }: ExpandedInputs["repeated"][number]): string {
  return `${path} is ${as} under another name: its lines are taken once`;
}

/** Whether a name in a directory of logs is one of them. */
export function isLogFile(files: Files, directory: string, name: string): boolean {
  return isLogName(name) && files.kind(join(directory, name)) === "file";
}

function isLogName(name: string): boolean {
  return !name.startsWith(".") && !COMPRESSED.test(name);
}

/** Whether the user's path is a directory; a symlink is as good as what it leads to. */
export function isDirectory(files: Files, path: string): boolean {
  return ifThere(() => files.stat(path))?.kind === "directory";
}

/** By name; of one log's files, which differ in a number at the end, the oldest first. */
function byRotation(a: string, b: string): number {
  const [left, right] = [rotation(a), rotation(b)];
  if (left.log !== right.log) return left.log < right.log ? -1 : 1;
  return right.age - left.age;
}

function rotation(name: string): { log: string; age: number } {
  const [, log = name, age = "0"] = /^(.+)\.(\d{1,6})$/.exec(name) ?? [];
  return { log, age: Number(age) };
}
