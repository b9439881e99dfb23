import { basename, dirname } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { FleetsecError } from "../../../errors.ts";
import type { Files } from "../../../platform/files.ts";
import { beginning, type Start } from "../lines.ts";
import { type Ends, NO_ENDS, placeFiles, reading } from "../positions.ts";
import type { InputPosition } from "../state.ts";
import { type BegunFile, beginsAs } from "./begun.ts";
import { identify, namesAndIds, type RotatedFile, rotatedFiles, rotationOf } from "./rotated.ts";

/** Where a file of a log goes on. */
export interface PlacedFile {
  readonly path: string;
  /** Device and inode. */
  readonly id: string;
  readonly start: Start;
  /** Of what is before that. */
  readonly ends: Ends;
}

/** Where following a log begins: with its rotated files that are not signed to their end, then itself. */
export interface PlacedLog {
  readonly rotated: readonly PlacedFile[];
  /** Undefined where there is no such file at present. */
  readonly current: PlacedFile | undefined;
  /** Names of the positions that this takes over. */
  readonly family: readonly string[];
}

/** The name under which the position of a rotated file of a log is kept. No path has a NUL byte. */
export function rotatedName(path: string, id: string): string {
  return `${path}\0${id}`;
}

export interface PlaceOptions {
  /** Where nothing of the log is signed yet: whether rotated files belong to it too. */
  readonly withRotated: boolean;
  /** Takes the log for new where nothing continues what was signed of it. */
  readonly acceptNew: boolean;
  /** Where nothing of it is signed yet: the file that an earlier run began with. */
  readonly begun: BegunFile | undefined;
}

/**
 * Finds a log's files again by what was signed of them, whatever rotation has called them since. What
 * was rotated after the newest of those was never seen, and is signed from its beginning.
 * @throws FleetsecError `input` in that case otherwise; `not-found` where its files are rotated meanwhile
 */
export function placeLog(
  files: Files,
  path: string,
  known: readonly InputPosition[],
  options: PlaceOptions,
): PlacedLog {
  const { acceptNew } = options;
  const positions = known.filter(({ name }) => isOf(path, name));
  const family = positions.map(({ name }) => name);
  if (positions.length === 0) return placeUnsigned(files, path, options);
  const { rotated, current } = look(files, path);
  const all = current === undefined ? rotated : [...rotated, current];
  const { placed } = placeFiles(
    files,
    all.map((file) => file.path),
    positions,
    true,
  );
  // names that moved while they were read tell nothing
  if (!isDeepStrictEqual(idsOf(look(files, path)), idsOf({ rotated, current }))) throw movedAway(path);
  const continued = (file: RotatedFile) => placed.get(file.path)?.id !== undefined;
  const goesOn = current !== undefined && continued(current);
  const newest = rotated.findLastIndex(continued);
  const isLost = positions.some(({ name }) => name === path) && !goesOn && newest < 0;
  if (isLost && !acceptNew) throw lost(path, "what is signed");
  // a log that goes on where it was signed has not been rotated since
  const isUnseen = (n: number) => !goesOn && newest >= 0 && n > newest;
  const place = (file: RotatedFile): PlacedFile => {
    const { start = beginning(), id = file.id, ends = NO_ENDS } = placed.get(file.path) ?? {};
    return { path: file.path, id, start, ends };
  };
  return {
    rotated: rotated.filter((file, n) => continued(file) || isUnseen(n)).map(place),
    current: current && place(current),
    family,
  };
}

/**
 * The same where nothing of the log is signed. What an earlier run began with, and was ended before it had
 * signed any of it, is found by its first bytes: the same file, or the copy of it that rotation made.
 */
function placeUnsigned(
  files: Files,
  path: string,
  { withRotated, acceptNew, begun }: PlaceOptions,
): PlacedLog {
  const { rotated, current } = look(files, path);
  const begin = (file: RotatedFile): PlacedFile => ({ ...file, start: beginning(), ends: NO_ENDS });
  const place = (own: readonly RotatedFile[]): PlacedLog => ({
    rotated: (withRotated ? rotated : own).map(begin),
    current: current && begin(current),
    family: [],
  });
  if (begun === undefined) return place([]);
  const all = current === undefined ? rotated : [...rotated, current];
  const alike = all.filter((file) => reading(files, file.path, (opened) => beginsAs(opened, begun)));
  // names that moved while they were read tell nothing
  if (!isDeepStrictEqual(idsOf(look(files, path)), idsOf({ rotated, current }))) throw movedAway(path);
  // several can begin alike: it itself, otherwise the oldest, as no line may be left out
  const first = alike.find(({ id }) => id === begun.file) ?? alike[0];
  if (first === undefined && !acceptNew) throw lost(path, "what an earlier run began with");
  return place(first === undefined || first === current ? [] : rotated.slice(rotated.indexOf(first)));
}

interface LogFiles {
  readonly rotated: readonly RotatedFile[];
  readonly current: RotatedFile | undefined;
}

function look(files: Files, path: string): LogFiles {
  return { rotated: rotatedFiles(files, path), current: identify(files, path) };
}

function idsOf({ rotated, current }: LogFiles): unknown {
  return [namesAndIds(rotated), current?.id];
}

/** To be tried again. */
export function movedAway(path: string): FleetsecError {
  return new FleetsecError("not-found", `${path} was rotated away while it was being compared`);
}

/** Whether a position is the log's, or one of its rotated files'. */
function isOf(path: string, name: string): boolean {
  if (name === path || name.startsWith(`${path}\0`)) return true;
  return dirname(name) === dirname(path) && rotationOf(basename(path), basename(name)) !== undefined;
}

function lost(path: string, what: string): FleetsecError {
  return new FleetsecError("input", `neither ${path} nor a rotated file of it goes on from ${what}`, {
    hint: "bring the rotated file back, not compressed; or take the log for new with --new-input",
  });
}
