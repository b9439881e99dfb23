import type { FleetsecError } from "../../../errors.ts";
import type { Files } from "../../../platform/files.ts";
import { beginning, type Start } from "../lines.ts";
import { type Ends, NO_ENDS, type Placed, reading } from "../positions.ts";
import type { InputPosition } from "../state.ts";
import { beginsAs } from "./begun.ts";
import { lost, newestOf } from "./known-positions.ts";
import type { RotatedFile } from "./rotated.ts";
import { filesOf, goingOn, type SurveyedLog } from "./survey.ts";

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
  readonly path: string;
  readonly rotated: readonly PlacedFile[];
  /** Undefined where there is no such file at present. */
  readonly current: PlacedFile | undefined;
  /** Device and inode of the rotated files that are taken care of, whether they are to be read or not. */
  readonly present: readonly string[];
  /** Whether nothing of it is signed yet. */
  readonly isNew: boolean;
  /** Rotated files from before its first line, which are not read. */
  readonly leftOut: readonly string[];
  /** Names of the positions that this takes over. */
  readonly family: readonly string[];
  /** Those of rotated files that are not there: they stay known, as a file can be on its way to another name. */
  readonly gone: readonly GoneFile[];
}

export interface GoneFile {
  /** Of its position. */
  readonly name: string;
  /** Device and inode. */
  readonly id: string;
}

export interface PlaceOptions {
  /** Where nothing of the log is signed yet: whether rotated files belong to it too. */
  readonly withRotated: (path: string) => boolean;
  /** Takes a log for new where nothing continues what was signed of it. */
  readonly acceptNew: boolean;
  /** Where a file is now, by device and inode, of all that are followed. */
  readonly find: (id: string) => string | undefined;
}

/**
 * Where logs go on that were surveyed: each in its own files, and where one of those was moved elsewhere, from
 * what was signed of it there. What was rotated after the newest of a log's files that are known was never
 * seen, and is signed from its beginning; but for a copy in the making, of which the log has the lines.
 * @param known every position that may be gone on from
 * @throws FleetsecError `input` on a log that does not go on from what was signed of it; `not-found` where files
 *   are moved meanwhile
 */
export function placeLogs(
  files: Files,
  surveyed: readonly SurveyedLog[],
  known: readonly InputPosition[],
  { withRotated, acceptNew, find }: PlaceOptions,
): PlacedLog[] {
  const own = surveyed.flatMap(({ placed }) => [...placed.values()]);
  const moved = placeMoved(files, surveyed, without(known, own));
  const takenOver = new Set([...moved.values()].map(({ position }) => position));
  return surveyed.map((log) => {
    const { path, rotated, current, positions, placed, copy } = log;
    const loss = positions.length > 0 ? signedLoss(log, moved, takenOver) : begunLoss(files, log, find);
    if (loss !== undefined && !acceptNew) throw loss;
    const isKnown = positions.length > 0 && loss === undefined;
    const follows = isKnown ? followsKnown(log) : followsBegun(log, withRotated(path));
    const place = (file: RotatedFile): PlacedFile => {
      const {
        start = beginning(),
        id = file.id,
        ends = NO_ENDS,
      } = placed.get(file.path) ?? moved.get(file.path) ?? {};
      return { path: file.path, id, start, ends };
    };
    const isPlaced = (file: RotatedFile) => placed.has(file.path) || moved.has(file.path);
    const isCopy = (file: RotatedFile, n: number) =>
      file === copy && follows(n) && !isPlaced(file) && file !== firstOf(log);
    /** Came beside the log while no signer ran: it is taken as if it came now. */
    const isNews = (file: RotatedFile, n: number) =>
      isCopy(file, n) || (withRotated(path) && isContinued(log) && !isPlaced(file));
    const others = filesOf(log).flatMap((file) => moved.get(file.path)?.position ?? []);
    const isFirstStart = !isKnown && (log.begun === undefined || loss !== undefined);
    const isLeftOut = (file: RotatedFile, n: number) =>
      file.size > 0 && !follows(n) && !moved.has(file.path) && file !== copy;
    const family = [...positions.filter((position) => !takenOver.has(position)), ...others];
    return {
      path,
      rotated: rotated
        .filter((file, n) => (follows(n) || moved.has(file.path)) && !isCopy(file, n))
        .map(place),
      current: current && place(current),
      present: rotated.filter((file, n) => !isNews(file, n)).map(({ id }) => id),
      isNew: family.length === 0,
      leftOut: isFirstStart ? rotated.filter(isLeftOut).map((file) => file.path) : [],
      family: family.map(({ name }) => name),
      gone: goneOf(log, takenOver),
    };
  });
}

function goneOf(
  { path, positions, placed }: SurveyedLog,
  takenOver: ReadonlySet<InputPosition | undefined>,
): GoneFile[] {
  const there = new Set([...placed.values()].map(({ position }) => position));
  return positions
    .filter((position) => position.name !== path && !there.has(position) && !takenOver.has(position))
    .flatMap(({ name, file: id }) => (id === undefined ? [] : [{ name, id }]));
}

/** By path: files that go on from what was signed under the name of another log. */
function placeMoved(
  files: Files,
  surveyed: readonly SurveyedLog[],
  free: readonly InputPosition[],
): ReadonlyMap<string, Placed> {
  if (free.length === 0) return new Map();
  const ownIds = new Set(surveyed.flatMap(({ placed }) => [...placed.values()].map(({ id }) => id)));
  const others = new Map(surveyed.flatMap(filesOf).map((file) => [file.id, file]));
  for (const id of ownIds) if (id !== undefined) others.delete(id);
  return goingOn(files, [...others.values()], free);
}

function without(known: readonly InputPosition[], placed: readonly Placed[]): InputPosition[] {
  const taken = new Set(placed.map(({ position }) => position));
  return known.filter((position) => !taken.has(position) && position.name !== "-");
}

/** Which rotated files, by their number, are to be read. */
function followsKnown(log: SurveyedLog): (n: number) => boolean {
  const { rotated, placed } = log;
  const continued = (file: RotatedFile) => placed.has(file.path);
  const newest = rotated.findLastIndex(continued);
  // a log that goes on where it was signed has not been rotated since
  const goesOn = isContinued(log);
  return (n) => continued(rotated[n] as RotatedFile) || (!goesOn && newest >= 0 && n > newest);
}

/** Whether the file under the log's path goes on from what is signed of the log. */
function isContinued({ current, placed }: SurveyedLog): boolean {
  return current !== undefined && placed.has(current.path);
}

/**
 * The same where nothing of the log is signed. What an earlier run began with, and was ended before it had
 * signed any of it, is found by its first bytes: the same file, or the copy of it that rotation made.
 */
function followsBegun(log: SurveyedLog, withRotated: boolean): (n: number) => boolean {
  const first = firstOf(log);
  if (first === undefined) return () => withRotated;
  const from = first === log.current ? log.rotated.length : log.rotated.indexOf(first);
  return (n) => n >= from;
}

/** Several can begin alike: it itself, otherwise the oldest, as no line may be left out. */
function firstOf({ alike, begun }: SurveyedLog): RotatedFile | undefined {
  return alike.find(({ id }) => id === begun?.file) ?? alike[0];
}

/** None where a file came from another name that is followed: rotation put it there, and dropped the one before. */
function signedLoss(
  { path, positions, placed }: SurveyedLog,
  moved: ReadonlyMap<string, Placed>,
  takenOver: ReadonlySet<InputPosition | undefined>,
): FleetsecError | undefined {
  const newest = newestOf(path, positions);
  const continued = new Set([...placed.values()].map(({ position }) => position));
  const goesOn = newest === undefined || continued.has(newest) || takenOver.has(newest) || moved.has(path);
  return goesOn ? undefined : lost(path, "what is signed");
}

function begunLoss(
  files: Files,
  { path, begun, alike }: SurveyedLog,
  find: PlaceOptions["find"],
): FleetsecError | undefined {
  if (begun === undefined || alike.length > 0) return undefined;
  const elsewhere = find(begun.file);
  const isThere = elsewhere !== undefined && reading(files, elsewhere, (opened) => beginsAs(opened, begun));
  return isThere ? undefined : lost(path, "what an earlier run began with");
}
