import { isDeepStrictEqual } from "node:util";
import { FleetsecError } from "../../../errors.ts";
import { repeatedText } from "../expand.ts";
import { continuingAny } from "../positions.ts";
import type { SigningRun } from "../run.ts";
import type { InputPosition } from "../state.ts";
import type { BegunFile, BegunLogs } from "./begun.ts";
import { type FollowedLog, followLog, type FollowParts } from "./followed-log.ts";
import { heldFiles } from "./held-files.ts";
import { isOf, logOf } from "./known-positions.ts";
import { logPlaces } from "./log-places.ts";
import { type PlacedLog, placeLogs } from "./place.ts";
import { identify, isRotatedOf, movedAway, unlessMoved } from "./rotated.ts";
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
  const logs: FollowedLog[] = [];
  const paths = new Set<string>();
  /** Paths of logs of which nothing is signed, and no line taken yet. */
  const fresh = new Set<string>();
  const places = logPlaces(parts, inputs);
  for (const path of [...run.positions().map(({ name }) => logOf(name)), ...begun.paths()]) places.know(path);
  const held = heldFiles(files);
  const { lookAt, survey, surveyAll } = surveyor({ files, glance, held, begun }, places.named);

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

  /**
   * @param surveyed the logs that are added
   * @param from positions that they may go on from
   * @param withRotated see `PlaceOptions`
   */
  const add = (
    surveyed: readonly SurveyedLog[],
    from: readonly InputPosition[],
    withRotated: (path: string) => boolean,
  ): readonly PlacedLog[] => {
    const find = (id: string) => places.filesThere().find(([, there]) => there === id)?.[0];
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
      places.know(log.path);
      if (log.isNew) fresh.add(log.path);
    }
    return placed;
  };

  /** All of `action` or nothing; once more where files were moved meanwhile, from one directory to another too. */
  const unlessMovedAround = (action: () => void): void =>
    unlessMoved(() => {
      glance.renew();
      const [there, count, positions] = [places.filesThere(), logs.length, run.positions()];
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
        throw isLost && !isDeepStrictEqual(places.filesThere(), there) ? movedAway("a log") : error;
      } finally {
        held.keep(new Set(logs.flatMap((log) => [...log.ids()])));
      }
    });

  unlessMovedAround(() => {
    const from = run.positions();
    const { come, repeated } = places.all(lookAt);
    for (const log of add(surveyAll(come, from), from, places.isInDirectory)) {
      if (log.leftOut.length > 0) warn(leftOutText(log));
    }
    for (const one of repeated) {
      const id = identify(files, one.path)?.id;
      // else it was moved from the one to the other
      if (id !== undefined && identify(files, one.as)?.id === id) warn(repeatedText(one));
    }
  });

  const lookForNew = () => places.added((path) => paths.has(path), has);

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

function leftOutText({ path, leftOut: [oldest = "", ...newer] }: PlacedLog): string {
  const which = newer.length === 0 ? oldest : `${oldest} to ${newer.at(-1)} (${newer.length + 1} files)`;
  return `${path} is new, and what was rotated before is left out: ${which}. Name those files to sign them too`;
}

/** The device and inode of a file that was removed: another one can have those that it had. */
const NONE = "";

/** How many of a log's files go on from what is signed of them. */
function goingOn({ rotated, current }: PlacedLog): number {
  return [...rotated, current].filter((file) => file !== undefined && file.start.bytes > 0).length;
}
