import { basename, dirname } from "node:path";
import { FleetsecError } from "../../../errors.ts";
import type { InputPosition } from "../state.ts";
import { isRotatedOf, rotatedNames } from "./rotated.ts";

/** The path of the log whose position, or whose rotated file's, has that name. */
export function logOf(name: string): string {
  return name.split("\0", 1)[0] as string;
}

/** The name under which the position of a rotated file of a log is kept. No path has a NUL byte. */
export function rotatedName(path: string, id: string): string {
  return `${path}\0${id}`;
}

/** Whether a position is the log's, or one of its rotated files'. */
export function isOf(path: string, name: string): boolean {
  return logOf(name) === path || isRotatedOf(path, logOf(name));
}

/**
 * Of the positions of a log and of its rotated files, that by which the log is known: its own or, where nothing of the
 * file under its name is signed yet, that of the rotated file whose lines were signed last. A run must find what goes
 * on from there: whatever else it finds, lines may be missing in between.
 * @param positions oldest first
 */
export function newestOf(path: string, positions: readonly InputPosition[]): InputPosition | undefined {
  // one that was followed under a name of its own, as `worker-1.log`, was no rotated file
  const own = positions.filter(({ name, file }) => logOf(name) === path || file === undefined);
  return own.find(({ name }) => name === path) ?? own.at(-1);
}

/** What is said where it does not. */
export function lost(path: string, what: string): FleetsecError {
  return new FleetsecError("input", `neither ${path} nor a rotated file of it goes on from ${what}`, {
    hint: "bring the rotated file back, not compressed (without --follow, name it too); or take the log for new with --new-input, until when none of the run's logs is signed. With notifempty and delaycompress logrotate keeps that file",
  });
}

/**
 * Finds the positions of a log and of its rotated files, by its path, among those of many.
 * @param known oldest first; so are those that are found
 */
export function positionsByLog(
  known: readonly InputPosition[],
): (path: string, apart: readonly string[]) => InputPosition[] {
  const directories = new Map<string, Map<string, number[]>>();
  for (const [i, { name }] of known.entries()) {
    const log = logOf(name);
    const logs = directories.get(dirname(log)) ?? new Map<string, number[]>();
    const numbers = logs.get(basename(log)) ?? [];
    numbers.push(i);
    directories.set(dirname(log), logs.set(basename(log), numbers));
  }
  const sorted = new Map([...directories].map(([directory, logs]) => [directory, [...logs.keys()].sort()]));
  return (path, apart) => {
    const [directory, log] = [dirname(path), basename(path)];
    const rotated = rotatedNames(sorted.get(directory) ?? [], log).map(({ name }) => name);
    const numbers = [log, ...rotated].flatMap((name) => directories.get(directory)?.get(name) ?? []);
    const found = numbers.sort((a, b) => a - b).map((i) => known[i] as InputPosition);
    return apart.length === 0 ? found : found.filter(({ name }) => !apart.includes(logOf(name)));
  };
}
