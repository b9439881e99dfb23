import { basename, dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Files } from "../../../platform/files.ts";
import { type Placed, placeFiles, reading } from "../positions.ts";
import type { InputPosition } from "../state.ts";
import { type BegunFile, type BegunLogs, beginsAs } from "./begun.ts";
import { copyInMaking } from "./copy-in-making.ts";
import type { Glance } from "./glance.ts";
import type { HeldFiles } from "./held-files.ts";
import { positionsByLog } from "./known-positions.ts";
import {
  identify,
  ifThere,
  movedAway,
  namesAndIds,
  type RotatedFile,
  rotatedFiles,
  rotatedNames,
  unlessMoved,
} from "./rotated.ts";

export interface LogFiles<T = RotatedFile> {
  readonly rotated: readonly T[];
  /** Undefined where there is none at present. */
  readonly current: T | undefined;
}

export function filesOf<T>({ rotated, current }: LogFiles<T>): readonly T[] {
  return current === undefined ? rotated : [...rotated, current];
}

/** What is there of a log: its files, and which of them go on from what was signed of it. */
export interface SurveyedLog extends LogFiles {
  readonly path: string;
  /** Of the log and its rotated files. */
  readonly positions: readonly InputPosition[];
  /** By the paths of those files that go on from one of these. */
  readonly placed: ReadonlyMap<string, Placed>;
  /** Where nothing of it is signed: the file that an earlier run began with, and those that begin alike. */
  readonly begun: BegunFile | undefined;
  readonly alike: readonly RotatedFile[];
  /** The rotated file that can be a copy of it in the making, where it does not go on itself. */
  readonly copy: RotatedFile | undefined;
}

interface SurveyParts {
  readonly files: Files;
  readonly glance: Glance;
  readonly held: HeldFiles;
  readonly begun: BegunLogs;
}

export interface Surveyor {
  /** The files of a log, by names that are as old as the glance. */
  lookAt(this: void, path: string): LogFiles;
  /** What is there of one log, of which these are the positions. */
  survey(this: void, path: string, positions: readonly InputPosition[]): SurveyedLog;
  /** The same of many, with two listings of each directory; one that is rotated meanwhile is surveyed on its own. */
  surveyAll(this: void, paths: readonly string[], known: readonly InputPosition[]): SurveyedLog[];
}

/** @param named paths that are logs of their own, also where rotation gives such names */
export function surveyor(parts: SurveyParts, named: readonly string[]): Surveyor {
  const { files, glance, begun } = parts;
  const namedIn = byDirectory(named);
  const apartFrom = (path: string): string[] =>
    rotatedNames(namedIn.get(dirname(path)) ?? [], basename(path)).map(({ name }) =>
      join(dirname(path), name),
    );
  const filesFound = (path: string, rotated: readonly RotatedFile[]): LogFiles => {
    const apart = apartFrom(path);
    return {
      rotated: rotated.filter((file) => !apart.includes(file.path)),
      current: identify(files, path),
    };
  };
  const lookAt = (path: string) => filesFound(path, glance.rotated(path));
  const surveyed = (path: string, found: LogFiles, positions: readonly InputPosition[]) =>
    surveyLog(parts, path, found, positions, begun.of(path));
  const survey = (path: string, positions: readonly InputPosition[]): SurveyedLog =>
    unlessMoved(() => {
      const look = () => filesFound(path, rotatedFiles(files, path));
      const log = surveyed(path, look(), positions);
      if (isRotatedSince(log, look())) throw movedAway(path);
      return log;
    });
  return {
    lookAt,
    survey,
    surveyAll(paths, known) {
      const positionsOf = positionsByLog(known);
      const of = (path: string) => positionsOf(path, apartFrom(path));
      glance.renew();
      const found = paths.map((path) => ifThere(() => surveyed(path, lookAt(path), of(path))));
      glance.renew();
      return paths.map((path, i) => {
        const log = found[i];
        return log === undefined || isRotatedSince(log, lookAt(path)) ? survey(path, of(path)) : log;
      });
    },
  };
}

/**
 * Looks for a log's files by what was signed of them, whatever rotation has called them since. Its rotated files
 * are held from then on, before any is compared: each stays the one that it was. What it finds tells nothing where
 * they have been rotated meanwhile (`isRotatedSince`).
 * @param positions of the log and its rotated files
 * @throws FleetsecError `not-found` where a file is moved meanwhile
 */
function surveyLog(
  { files, held }: SurveyParts,
  path: string,
  found: LogFiles,
  positions: readonly InputPosition[],
  begun: BegunFile | undefined,
): SurveyedLog {
  const all = filesOf(found);
  for (const file of found.rotated) held.holdAt(file);
  const isNew = positions.length === 0;
  const placed = isNew ? new Map<string, Placed>() : goingOn(files, all, positions);
  const alike =
    isNew && begun !== undefined
      ? all.filter((file) => reading(files, file.path, (opened) => beginsAs(opened, begun)))
      : [];
  const { rotated, current } = found;
  const unknown = rotated.filter((file) => !placed.has(file.path));
  const copy = current === undefined || placed.has(path) ? undefined : copyInMaking(files, unknown, current);
  return { path, ...found, positions, placed, begun, alike, copy };
}

/** By path: the files that go on from one of the positions. */
export function goingOn(
  files: Files,
  among: readonly RotatedFile[],
  positions: readonly InputPosition[],
): ReadonlyMap<string, Placed> {
  const paths = among.map(({ path }) => path);
  const placed = placeFiles(files, paths, positions);
  return new Map([...placed].filter(([, { position }]) => position !== undefined));
}

/** Whether a log has other files now, or under other names. */
function isRotatedSince(before: LogFiles, now: LogFiles): boolean {
  return !isDeepStrictEqual(idsOf(now), idsOf(before));
}

function idsOf({ rotated, current }: LogFiles): unknown {
  return [namesAndIds(rotated), current?.id];
}

/** Names by directory, sorted. */
function byDirectory(paths: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, string[]>();
  for (const path of paths.toSorted()) {
    const those = names.get(dirname(path)) ?? [];
    those.push(basename(path));
    names.set(dirname(path), those);
  }
  return names;
}
