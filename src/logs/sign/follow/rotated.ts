import { basename, dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { FleetsecError } from "../../../errors.ts";
import type { Files } from "../../../platform/files.ts";
import { lowerBound } from "../../lower-bound.ts";

/** A file that log rotation made of a log. */
export interface RotatedFile {
  readonly path: string;
  /** Device and inode. */
  readonly id: string;
  /** In bytes. */
  readonly size: number;
  /** When it was last written, in milliseconds since the epoch. */
  readonly mtime: number;
}

/**
 * What rotation added to a log's name: `1` of `a.log.1` and `a.1.log`, `20251123` of `a.log-20251123`.
 * Undefined where the name is no rotated form of the log's.
 */
export function rotationOf(log: string, name: string): string | undefined {
  if (name.startsWith(log)) return ADDED.exec(name.slice(log.length))?.[1];
  const dot = log.lastIndexOf(".");
  if (dot < 1) return undefined;
  const [stem, extension] = [log.slice(0, dot), log.slice(dot)];
  if (!name.startsWith(stem) || !name.endsWith(extension)) return undefined;
  return ADDED.exec(name.slice(stem.length, -extension.length))?.[1];
}

/** The same of paths: whether one is a rotated form of the other, beside it. */
export function isRotatedOf(log: string, path: string): boolean {
  return dirname(log) === dirname(path) && rotationOf(basename(log), basename(path)) !== undefined;
}

/** What stands between a log's name, or that without its extension, and what rotation added. */
const SEPARATORS = [".", "_", "-"];

/** A number, a date, a time: digits, with what stands between them. */
const ADDED = new RegExp(`^[${SEPARATORS.join("")}](\\d[\\dTZ:._-]{0,40})$`);

/** The rotated forms of a log beside it, the oldest first; looked at until no name moves meanwhile. */
export function rotatedFiles(files: Files, path: string): RotatedFile[] {
  let found = rotatedNow(files, path);
  for (let attempt = 1; attempt < MAX_ATTEMPTS; attempt += 1) {
    const again = rotatedNow(files, path);
    if (isDeepStrictEqual(namesAndIds(again), namesAndIds(found))) break;
    found = again;
  }
  return found;
}

/** Files that are being renamed are looked at anew, so many times. */
export const MAX_ATTEMPTS = 10;

/** To be tried again. */
export function movedAway(path: string): FleetsecError {
  return new FleetsecError("not-found", `${path} was rotated while it was being compared`, {
    hint: "run the command again",
  });
}

/** Once more where a file was rotated while its place was looked for. */
export function unlessMoved<T>(action: (attempt: number) => T): T {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return action(attempt);
    } catch (error) {
      if (!isMoved(error) || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

/** Undefined where a file is not there, as what is rotated can vanish between two looks at it. */
export function ifThere<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (isMoved(error)) return undefined;
    throw error;
  }
}

export function isMoved(error: unknown): error is FleetsecError {
  return error instanceof FleetsecError && error.code === "not-found";
}

/**
 * The same in one look: a file that is being renamed may be missing.
 * @param names of the directory, sorted by code unit
 */
export function rotatedNow(
  files: Files,
  path: string,
  names: readonly string[] = files.list(dirname(path)),
): RotatedFile[] {
  const [directory, log] = [dirname(path), basename(path)];
  const found: (RotatedFile & { readonly rotation: string })[] = [];
  for (const { name, rotation } of rotatedNames(names, log)) {
    const file = identify(files, join(directory, name));
    if (file !== undefined) found.push({ ...file, rotation });
  }
  return found.sort(byAge);
}

interface RotatedName {
  readonly name: string;
  readonly rotation: string;
}

/** The rotated forms of a log among names that are sorted by code unit: few of many are looked at. */
export function rotatedNames(names: readonly string[], log: string): RotatedName[] {
  const dot = log.lastIndexOf(".");
  const stem = dot < 1 ? log : log.slice(0, dot);
  return SEPARATORS.flatMap((separator) =>
    beginningWith(names, stem + separator).flatMap((name) => {
      const rotation = rotationOf(log, name);
      return rotation === undefined ? [] : [{ name, rotation }];
    }),
  );
}

function beginningWith(names: readonly string[], prefix: string): string[] {
  const found: string[] = [];
  for (let at = lowerBound(names.length, (i) => (names[i] as string) >= prefix); at < names.length; at += 1) {
    const name = names[at] as string;
    if (!name.startsWith(prefix)) break;
    found.push(name);
  }
  return found;
}

/** What a path leads to now, or undefined where that is nothing, or no regular file. */
export function identify(files: Files, path: string): RotatedFile | undefined {
  const there = ifThere(() => files.stat(path));
  if (there?.kind !== "file") return undefined;
  const { id, size, mtime } = there;
  return { path, id, size, mtime };
}

/** To be compared with those of another look: whether files were renamed in between. */
export function namesAndIds(rotated: readonly RotatedFile[]): unknown {
  return rotated.map(({ path, id }) => [path, id]);
}

interface Aged {
  readonly rotation: string;
  readonly mtime: number;
}

/** The oldest first. Numbers count upwards with age, dates downwards. */
function byAge(a: Aged, b: Aged): number {
  const [left, right] = [a, b].map(({ rotation }) => (COUNT.test(rotation) ? Number(rotation) : undefined));
  if (left !== undefined && right !== undefined) return right - left;
  if (left === undefined && right === undefined) return a.rotation < b.rotation ? -1 : 1;
  return a.mtime - b.mtime;
}

/** A date has eight digits. */
const COUNT = /^\d{1,6}$/;
