import { basename, dirname, join } from "node:path";
import type { Files } from "../../../platform/files.ts";
import type { InputPosition } from "../state.ts";
import type { BegunLogs } from "./begun.ts";
import type { Glance } from "./glance.ts";
import type { HeldFiles } from "./held-files.ts";
import { positionsByLog } from "./known-positions.ts";
import { isRotatedSince, type LogFiles, type SurveyedLog, surveyLog } from "./place.ts";
import {
  identify,
  isMoved,
  movedAway,
  type RotatedFile,
  rotatedFiles,
  rotatedNames,
  unlessMoved,
} from "./rotated.ts";

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
      const found = paths.map((path) => unlessItMoves(() => surveyed(path, lookAt(path), of(path))));
      glance.renew();
      return paths.map((path, i) => {
        const log = found[i];
        return log === undefined || isRotatedSince(log, lookAt(path)) ? survey(path, of(path)) : log;
      });
    },
  };
}

/** Undefined where a file was moved meanwhile. */
function unlessItMoves<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (isMoved(error)) return undefined;
    throw error;
  }
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
