import { basename, dirname, join } from "node:path";
import type { Files } from "../../../platform/files.ts";
import { type ExpandedInputs, isDirectory, isLogFile } from "../expand.ts";
import type { Glance } from "./glance.ts";
import { identify, isRotatedOf, type RotatedFile, rotatedFiles, rotatedNames } from "./rotated.ts";
import { filesOf, type LogFiles } from "./survey.ts";

/** Where logs are looked for: the paths that are named, and directories. */
export interface LogPlaces {
  readonly named: readonly string[];
  /** Whether a path lies in one of the directories. */
  isInDirectory(this: void, path: string): boolean;
  /** Tells of a log that is or was followed: in a directory it is one from then on, whether or not it is there. */
  know(path: string): void;
  /**
   * What a start finds: each file once, and the paths that lead to one of them again.
   * @param lookAt the files of a log
   */
  all(lookAt: (path: string) => LogFiles): FoundLogs;
  /** What a round finds: logs that are not followed, of whose files no log has one. */
  added(isFollowed: (path: string) => boolean, has: (id: string) => boolean): string[];
  /** Every file that may be a log's: its path, and what it is. */
  filesThere(): readonly (readonly [string, string | undefined])[];
}

interface FoundLogs extends Pick<ExpandedInputs, "repeated"> {
  readonly come: readonly string[];
}

/** @param inputs files and directories as absolute paths */
export function logPlaces(
  { files, glance }: { readonly files: Files; readonly glance: Glance },
  inputs: readonly string[],
): LogPlaces {
  const directories = inputs.filter((input) => isDirectory(files, input));
  const named = inputs.filter((input) => !directories.includes(input));
  /** Names of logs that are or were followed, by directory, whether or not they are there at present. */
  const known = new Map(directories.map((directory) => [directory, new Set<string>()]));
  const isNamed = new Set(named);
  const found = (directory: string) =>
    logsIn(files, directory, glance.names(directory), known.get(directory) ?? new Set(), (name) =>
      isNamed.has(join(directory, name)),
    );

  /** The file at a path; in a directory a log that is away is told by its rotated files. */
  const filesAt = (path: string): readonly RotatedFile[] => {
    const current = identify(files, path);
    if (current !== undefined) return [current];
    return named.includes(path) ? [] : rotatedFiles(files, path);
  };

  return {
    named,
    isInDirectory: (path) => directories.includes(dirname(path)),
    know: (path) => known.get(dirname(path))?.add(basename(path)),
    all(lookAt) {
      const come = new Set<string>();
      const repeated: ExpandedInputs["repeated"][number][] = [];
      /** The logs that have a file, by its device and inode. */
      const owners = new Map<string, string[]>();
      for (const input of new Set(inputs)) {
        for (const path of directories.includes(input) ? found(input) : [input]) {
          if (come.has(path)) continue;
          const there = lookAt(path);
          // what rotation made of a log is named on purpose, where it is
          const as = owners.get(there.current?.id ?? "")?.find((log) => !isRotatedOf(log, path));
          if (as !== undefined) repeated.push({ path, as });
          else {
            come.add(path);
            for (const { id } of filesOf(there)) owners.set(id, [...(owners.get(id) ?? []), path]);
          }
        }
      }
      return { come: [...come], repeated };
    },
    added(isFollowed, has) {
      const come = new Map<string, string>();
      for (const path of [...named, ...directories.flatMap(found)]) {
        if (isFollowed(path)) continue;
        const id = filesAt(path).find((file) => !has(file.id))?.id;
        if (id !== undefined && !come.has(id)) come.set(id, path);
      }
      return [...come.values()];
    },
    filesThere() {
      const inside = directories.flatMap((directory) => {
        const names = files.list(directory).filter((name) => isLogFile(files, directory, name));
        return names.map((name) => join(directory, name));
      });
      return [...named, ...inside].map((path) => [path, identify(files, path)?.id] as const);
    },
  };
}

/**
 * The logs in a directory: the names there, without rotated files. A log that is known and not there at
 * present counts where rotated files of it are.
 */
function logsIn(
  files: Files,
  directory: string,
  there: readonly string[],
  known: ReadonlySet<string>,
  isNamed: (name: string) => boolean,
): string[] {
  const present = new Set(there.filter((name) => isLogFile(files, directory, name)));
  const names = [...new Set([...present, ...known])].sort();
  const rotated = new Map(names.map((log) => [log, rotatedNames(names, log).map(({ name }) => name)]));
  return logsAmong(names, rotated, isNamed)
    .filter((name) => present.has(name) || rotated.get(name)?.some((one) => present.has(one)) === true)
    .map((name) => join(directory, name));
}

/**
 * The names that are no rotated form of a log: not `worker-1.log` beside `worker.log`. Then `worker-1.log.1` is one:
 * nobody else reads it.
 */
function logsAmong(
  names: readonly string[],
  rotated: ReadonlyMap<string, readonly string[]>,
  isNamed: (name: string) => boolean,
): readonly string[] {
  const rotatedOf = (logs: readonly string[]) => new Set(logs.flatMap((log) => rotated.get(log) ?? []));
  const isRotated = rotatedOf(names);
  const logs = names.filter((name) => !isRotated.has(name) || isNamed(name));
  const taken = new Set([...logs, ...rotatedOf(logs)]);
  const left = names.filter((name) => !taken.has(name));
  return left.length === 0 ? logs : [...logs, ...logsAmong(left, rotated, isNamed)].sort();
}
