import { basename, dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { FleetsecError } from "../../../errors.ts";
import type { Files } from "../../../platform/files.ts";

/** A file that log rotation made of a log. */
export interface RotatedFile {
  readonly path: string;
  /** Device and inode. */
  readonly id: string;
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

/** A number, a date, a time: digits, with what stands between them. */
const ADDED = /^[._-](\d[\dTZ:._-]{0,40})$/;

/** The rotated forms of a log beside it, the oldest first; looked at until no name moves meanwhile. */
export function rotatedFiles(files: Files, path: string): RotatedFile[] {
  let found = lookForRotated(files, path);
  for (let attempt = 1; attempt < MAX_ATTEMPTS; attempt += 1) {
    const again = lookForRotated(files, path);
    if (isDeepStrictEqual(namesAndIds(again), namesAndIds(found))) break;
    found = again;
  }
  return found;
}

const MAX_ATTEMPTS = 10;

function lookForRotated(files: Files, path: string): RotatedFile[] {
  const [directory, log] = [dirname(path), basename(path)];
  const found: (RotatedFile & { readonly rotation: string })[] = [];
  for (const name of files.list(directory)) {
    const rotation = name === log ? undefined : rotationOf(log, name);
    const file = rotation === undefined ? undefined : identify(files, join(directory, name));
    if (rotation !== undefined && file !== undefined) found.push({ ...file, rotation });
  }
  return found.sort(byAge);
}

/** What a path leads to now, or undefined where that is nothing, or no regular file. */
export function identify(files: Files, path: string): RotatedFile | undefined {
  try {
    const { id, mtime, kind } = files.stat(path);
    return kind === "file" ? { path, id, mtime } : undefined;
  } catch (error) {
    if (error instanceof FleetsecError && error.code === "not-found") return undefined;
    throw error;
  }
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
