import { basename, dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { FleetsecError } from "../../../errors.ts";
import type { Files } from "../../../platform/files.ts";
import { isDirectory, isLogFile, repeatedText } from "../expand.ts";
import { continuingAny } from "../positions.ts";
import type { SigningRun } from "../run.ts";
import type { InputPosition } from "../state.ts";
import type { BegunFile, BegunLogs } from "./begun.ts";
import { type FollowedLog, followLog, type FollowParts } from "./followed-log.ts";
import { heldFiles } from "./held-files.ts";
import { isOf, logOf } from "./known-positions.ts";
import { type PlacedLog, placeLogs } from "./place.ts";
import {
  identify,
  isRotatedOf,
  movedAway,
  type RotatedFile,
  rotatedFiles,
  rotatedNames,
  unlessMoved,
} from "./rotated.ts";
import { filesOf, type SurveyedLog, surveyor } from "./survey.ts";

export interface FollowLogsRequest {
  /** Files and directories as absolute paths. A file may come later. */
  readonly inputs: readonly string[];
  /** Takes a log that does not go on from where it was signed for a new one. */
  readonly newInput: boolean;
}

export type FollowLogsParts = Pick<FollowParts, "files" | "clock" | "open" | "warn" | "glance"> & {
  readonly run: Pick<SigningRun, "record" | "positions">;
  readonly begun: BegunLogs;
};

/** All logs that are followed: those that are named, and those in directories. */
export interface FollowedLogs {
  readonly logs: readonly FollowedLog[];
  /** Whether nothing of the log at that path was signed, and no line is taken. */
  isFirst(path: string): boolean;
  /** Notes the files that such logs begin with: their lines are going to be taken. */
  note(begun: ReadonlyMap<string, BegunFile>): Promise<void>;
  /** Takes files that have come into a directory since, or in the place of another name of a file. */
  addNew(): boolean;
  /** What is written from now on is not read any more. */
  endHere(): void;
  close(): void;
}

/** @throws FleetsecError `input` on a log that does not go on from what was signed of it */
export function followLogs({ inputs, newInput }: FollowLogsRequest, parts: FollowLogsParts): FollowedLogs {
  const { files, glance, run, begun, warn } = parts;
  const directories = inputs.filter((input) => isDirectory(files, input));
  const named = inputs.filter((input) => !directories.includes(input));
  const logs: FollowedLog[] = [];
  const paths = new Set<string>();
  /** Paths of logs of which nothing is signed, and no line taken yet. */
  const fresh = new Set<string>();
  /** Names of logs that are or were followed, by directory, whether or not they are there at present. */
  const known = new Map(directories.map((directory) => [directory, new Set<string>()]));
  const know = (path: string) => known.get(dirname(path))?.add(basename(path));
  for (const path of [...run.positions().map(({ name }) => logOf(name)), ...begun.paths()]) know(path);
  const held = heldFiles(files);
  const { lookAt, survey, surveyAll } = surveyor({ files, glance, held, begun }, named);
  const isNamed = new Set(named);
  const found = (directory: string) =>
    logsIn(files, directory, glance.names(directory), known.get(directory) ?? new Set(), (name) =>
      isNamed.has(join(directory, name)),
    );

  let hasEnded = false;
  const has = (id: string) => logs.some((log) => log.has(id));
  const followParts: FollowParts = {
    ...parts,
    held,
    release(id) {
      if (has(id)) return;
      const isNone = held.isRemoved(id);
      for (const position of isNone ? run.positions().filter(({ file }) => file === id) : []) {
        run.record(position.name, { ...position, file: NONE });
      }
      held.release(id);
    },
    isOthers: (id, path) => logs.some((log) => log.has(id) && log.path !== path),
    movedTo(file) {
      const placed = continuingAny(file, run.positions());
      if (placed?.position !== undefined) run.record(placed.position.name, undefined);
      return placed;
    },
  };
  /**
   * Whether another log has one of a log's files, as that was moved since. What rotation made of a log can be named
   * beside it.
   */
  const isTaken = (
    { path, rotated, current }: PlacedLog,
    owners: ReadonlyMap<string, readonly FollowedLog[]>,
  ): boolean =>
    filesOf({ rotated, current })
      .flatMap(({ id }) => owners.get(id) ?? [])
      .some((log) => !isRotatedOf(log.path, path) && !isRotatedOf(path, log.path));
  /** Every file that may be a log's: its path, and what it is. */
  const filesThere = (): readonly (readonly [string, string | undefined])[] => {
    const inside = directories.flatMap((directory) => {
      const names = files.list(directory).filter((name) => isLogFile(files, directory, name));
      return names.map((name) => join(directory, name));
    });
    return [...named, ...inside].map((path) => [path, identify(files, path)?.id] as const);
  };

  /**
   * @param surveyed the logs that are added
   * @param from positions that they may go on from
   * @param withRotated see `PlaceOptions`
   */
  const add = (
    surveyed: readonly SurveyedLog[],
    from: readonly InputPosition[],
    withRotated: (path: string) => boolean,
  ): void => {
    const find = (id: string) => filesThere().find(([, there]) => there === id)?.[0];
    const options = { withRotated, acceptNew: newInput, find };
    const placed = placeLogs(files, surveyed, from, options);
    const gone = new Set(placed.flatMap((log) => log.gone.map(({ name }) => name)));
    for (const name of placed.flatMap(({ family }) => family))
      if (!gone.has(name)) run.record(name, undefined);
    /** The same for one of them that was rotated since. Where it was moved elsewhere, so may others be. */
    const again = (before: PlacedLog): PlacedLog => {
      const { path, family } = before;
      const own = from.filter(({ name }) => family.includes(name));
      const [now] = placeLogs(files, [survey(path, own)], own, options) as [PlacedLog];
      if (goingOn(now) < goingOn(before)) throw movedAway(path);
      return now;
    };
    /** Logs by the files that they have. */
    const owners = new Map<string, FollowedLog[]>();
    const own = (log: FollowedLog): void => {
      for (const id of log.ids()) owners.set(id, [...(owners.get(id) ?? []), log]);
    };
    for (const log of logs) own(log);
    for (const log of placed) {
      const added = unlessMoved((attempt) => {
        const now = attempt === 1 ? log : again(log);
        if (isTaken(now, owners)) throw movedAway(now.path);
        return followLog(followParts, now);
      });
      logs.push(added);
      own(added);
      paths.add(log.path);
      know(log.path);
      if (log.isNew) fresh.add(log.path);
    }
  };

  /** All of `action` or nothing; once more where files were moved meanwhile, from one directory to another too. */
  const unlessMovedAround = (action: () => void): void =>
    unlessMoved(() => {
      glance.renew();
      const [there, count, positions] = [filesThere(), logs.length, run.positions()];
      try {
        action();
      } catch (error) {
        for (const log of logs.splice(count)) {
          log.close();
          paths.delete(log.path);
          fresh.delete(log.path);
        }
        for (const { name } of run.positions()) run.record(name, undefined);
        for (const position of positions) run.record(position.name, position);
        const isLost = error instanceof FleetsecError && error.code === "input";
        throw isLost && !isDeepStrictEqual(filesThere(), there) ? movedAway("a log") : error;
      } finally {
        held.keep(new Set(logs.flatMap((log) => [...log.ids()])));
      }
    });

  /** Each file once, with what to say of those that are named again. */
  const lookAtAll = () => {
    const come = new Set<string>();
    const repeated: { readonly path: string; readonly as: string }[] = [];
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
  };

  /** The file at a path; in a directory a log that is away is told by its rotated files. */
  const filesAt = (path: string): readonly RotatedFile[] => {
    const current = identify(files, path);
    if (current !== undefined) return [current];
    return named.includes(path) ? [] : rotatedFiles(files, path);
  };

  /** Logs that have come since, of whose files no log has one. */
  const lookForNew = (): string[] => {
    const come = new Map<string, string>();
    for (const path of [...named, ...directories.flatMap(found)]) {
      if (paths.has(path)) continue;
      const id = filesAt(path).find((file) => !has(file.id))?.id;
      if (id !== undefined && !come.has(id)) come.set(id, path);
    }
    return [...come.values()];
  };

  unlessMovedAround(() => {
    const from = run.positions();
    const { come, repeated } = lookAtAll();
    add(surveyAll(come, from), from, (path) => directories.includes(dirname(path)));
    for (const one of repeated) {
      const id = identify(files, one.path)?.id;
      // else it was moved from the one to the other
      if (id !== undefined && identify(files, one.as)?.id === id) warn(repeatedText(one));
    }
  });

  const addNew = (): void => {
    const come = lookForNew();
    const ids = new Set(come.map((path) => identify(files, path)?.id));
    // what no log reads, and may be theirs
    const from = run.positions().filter(({ name, file }) => {
      if (file === undefined) return true;
      return !has(file) && (ids.has(file) || come.some((path) => isOf(path, name)));
    });
    add(surveyAll(come, from), from, () => false);
  };

  return {
    logs,
    isFirst: (path) => fresh.has(path),
    note: async (first) => {
      for (const path of first.keys()) fresh.delete(path);
      if (first.size > 0) await begun.note(first);
    },
    addNew() {
      const any = lookForNew().length > 0;
      if (any) unlessMovedAround(addNew);
      return any;
    },
    endHere() {
      if (hasEnded) return;
      hasEnded = true;
      glance.renew();
      for (const log of logs) log.endHere();
    },
    close() {
      for (const log of logs) log.close();
      held.keep(new Set());
    },
  };
}

/** The device and inode of a file that was removed: another one can have those that it had. */
const NONE = "";

/** How many of a log's files go on from what is signed of them. */
function goingOn({ rotated, current }: PlacedLog): number {
  return [...rotated, current].filter((file) => file !== undefined && file.start.bytes > 0).length;
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
