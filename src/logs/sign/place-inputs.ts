import { basename, dirname } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Files } from "../../platform/files.ts";
import { expandInputs, STREAM } from "./expand.ts";
import { copyInMaking } from "./follow/copy-in-making.ts";
import { lost, newestOf, positionsByLog } from "./follow/known-positions.ts";
import {
  identify,
  MAX_ATTEMPTS,
  movedAway,
  namesAndIds,
  type RotatedFile,
  rotatedNow,
} from "./follow/rotated.ts";
import { tailedFile } from "./follow/tailed-file.ts";
import { changed, NO_ENDS, type Placed, placeFiles, reading } from "./positions.ts";
import type { InputPosition } from "./state.ts";

/** A file, and where it goes on. */
export type PlacedInput = RotatedFile & Omit<Placed, "id">;

interface PlaceRequest {
  readonly inputs: readonly string[];
  /** Takes a file that does not go on from where it was signed for a new input. */
  readonly newInput: boolean;
}

interface PlaceParts {
  readonly files: Files;
  readonly onWarning?: (text: string) => void;
}

export interface PlacedInputs {
  /** Of files, each once, and `-`; in the order in which they are signed. */
  readonly paths: readonly string[];
  /** Where the files go on, by path; without those that can be copies in the making. */
  readonly placed: ReadonlyMap<string, PlacedInput>;
}

/**
 * @throws FleetsecError `not-found` where they are rotated meanwhile; `input` on a file that does not go on from
 *   what was signed under its name, or of its log
 */
export function placeInputs(
  { files, onWarning }: PlaceParts,
  { inputs, newInput }: PlaceRequest,
  known: readonly InputPosition[],
): PlacedInputs {
  const { paths, seen } = lookAt(files, inputs);
  const places = placeFiles(
    files,
    seen.map(({ path }) => path),
    known,
  );
  const placed = new Map<string, PlacedInput>();
  for (const file of seen) {
    const { id = file.id, ...place } = places.get(file.path) as Placed;
    if (id !== file.id) throw movedAway(file.path);
    placed.set(file.path, { ...file, ...place });
  }
  for (const { path, size, log } of copiesAmong(files, [...placed.values()])) {
    if (size > 0) onWarning?.(copyText(path, log));
    placed.delete(path);
  }
  requireSame(files, seen);
  const claimed = new Set([...placed.values()].map(({ position }) => position));
  const positionsOf = positionsByLog(known);
  for (const { path, size, position } of placed.values()) {
    const newest = position === undefined ? newestOf(path, positionsOf(path, [])) : undefined;
    if (newest === undefined || claimed.has(newest) || newInput) continue;
    // listed again, the file that goes on from it may be there
    if (!isDeepStrictEqual(expandInputs(files, inputs).paths, paths)) throw movedAway(path);
    throw newest.name === path ? changed(path, size, newest) : lost(path, "what is signed");
  }
  return { paths, placed };
}

interface Seen {
  readonly paths: readonly string[];
  /** Its files. */
  readonly seen: readonly RotatedFile[];
}

/** Looked at until no name moves meanwhile: one that does could be missed, and what is signed of it forgotten. */
function lookAt(files: Files, inputs: readonly string[]): Seen {
  let found = lookOnce(files, inputs);
  for (let attempt = 1; attempt < MAX_ATTEMPTS; attempt += 1) {
    const again = lookOnce(files, inputs);
    if (isDeepStrictEqual(namesAndIds(again.seen), namesAndIds(found.seen))) break;
    found = again;
  }
  return found;
}

function lookOnce(files: Files, inputs: readonly string[]): Seen {
  const { paths } = expandInputs(files, inputs);
  return { paths, seen: paths.filter((path) => path !== STREAM).map((path) => fileAt(files, path)) };
}

function fileAt(files: Files, path: string): RotatedFile {
  const file = identify(files, path);
  if (file === undefined) throw movedAway(path);
  return file;
}

/** @throws FleetsecError `not-found` where a file is not where it was, or has become shorter */
function requireSame(files: Files, seen: readonly RotatedFile[]): void {
  for (const { path, id, size } of seen) {
    const now = fileAt(files, path);
    if (now.id !== id || now.size < size) throw movedAway(path);
  }
}

/**
 * The copies that copytruncate may be making of logs among the inputs: signed beside those, their lines would
 * be there twice.
 */
function* copiesAmong(
  files: Files,
  placed: readonly PlacedInput[],
): Iterable<RotatedFile & { readonly log: string }> {
  /** Names of files that go on from nothing, by their directory, sorted. */
  const fresh = new Map<string, string[]>();
  for (const { path, position } of placed) {
    if (position !== undefined) continue;
    const names = fresh.get(dirname(path)) ?? [];
    names.push(basename(path));
    fresh.set(dirname(path), names);
  }
  for (const names of fresh.values()) names.sort();
  for (const log of placed) {
    const rotated = rotatedNow(files, log.path, fresh.get(dirname(log.path)) ?? []);
    if (rotated.length === 0) continue;
    const copy = copyInMaking(files, rotated, log);
    if (copy !== undefined) yield { ...copy, log: log.path };
    // it can have been truncated before it was compared
    else if (!isHeld(files, log)) throw movedAway(log.path);
  }
}

/** Whether a file holds what was signed of it. */
function isHeld(files: Files, { path, start, ends = NO_ENDS }: PlacedInput): boolean {
  return reading(files, path, (file) => tailedFile(file, start.bytes, ends).isHeldBy(file));
}

function copyText(path: string, log: string): string {
  return `${path} holds nothing but what ${log} begins with, and is left out: it can be a copy that rotation is making. Name it without that log to sign it all the same`;
}
