import { isDeepStrictEqual } from "node:util";
import type { Files, OpenFile } from "../../../platform/files.ts";
import type { Clock } from "../../../platform/platform.ts";
import type { Placed } from "../positions.ts";
import type { SigningRun } from "../run.ts";
import { warnOfCopies } from "./copy-in-making.ts";
import { drainingFiles } from "./draining.ts";
import { findCopy } from "./find-copy.ts";
import { type Generation, generationOf, isWrittenAnew, type Lines, linesOf } from "./generation.ts";
import type { Glance } from "./glance.ts";
import type { HeldFiles } from "./held-files.ts";
import { rotatedName } from "./known-positions.ts";
import type { PlacedFile, PlacedLog } from "./place.ts";
import {
  identify,
  ifThere,
  MAX_ATTEMPTS,
  movedAway,
  namesAndIds,
  type RotatedFile,
  rotatedFiles,
} from "./rotated.ts";
import { seenFiles } from "./seen-files.ts";

export interface FollowParts {
  readonly files: Files;
  readonly clock: Clock;
  readonly run: Pick<SigningRun, "record">;
  /** Whether another log has that file, by device and inode: under whatever name, it is read there. */
  readonly isOthers: (id: string, path: string) => boolean;
  /** Where a file goes on of which something is signed, though no log has it: it was moved. */
  readonly movedTo: (file: OpenFile) => Placed | undefined;
  /** Opens a file to be signed. @throws FleetsecError `refused` where that is a private key */
  readonly open: (path: string) => OpenFile;
  readonly glance: Glance;
  /** Files that are not read at present, of those that a log has. */
  readonly held: HeldFiles;
  /** Releases one of them, where no other log has it. */
  readonly release: (id: string) => void;
  /** Told of lines that may be lost. */
  readonly warn: (text: string) => void;
}

/** A log under one path, whatever file stands there: rotation is seen, and its files read to their end. */
export interface FollowedLog {
  readonly path: string;
  /** The next lines in order, or undefined while there are none. */
  poll(): Promise<Lines | undefined>;
  /** The rotated files beside it, as one look finds them. */
  look(): readonly RotatedFile[];
  /**
   * Asked before the first lines of a file are taken, by two looks that are younger than they: whether other lines
   * came before them, in files that were rotated unseen. Then it is polled again.
   */
  isPreceded(looks: readonly [readonly RotatedFile[], readonly RotatedFile[]]): boolean;
  /** Device and inode of the files that are, or were, the log's. */
  ids(): Iterable<string>;
  /** Whether that file is one of these. */
  has(id: string): boolean;
  /** What is written from now on is not read any more. */
  endHere(): void;
  close(): void;
}

/**
 * @param placed where its files go on
 * @throws FleetsecError `not-found` where a file has gone since it was placed
 */
export function followLog(parts: FollowParts, placed: PlacedLog): FollowedLog {
  const { path } = placed;
  const { files, clock, glance, run, held, warn } = parts;
  const draining = drainingFiles(clock, ({ tail }) => {
    held.hold(tail.detach());
    seen.setEnd(tail.id, tail.position);
  });
  /** The file that stands under the path. */
  let current: Generation | undefined;
  const openFiles = () => (current === undefined ? draining.all : [...draining.all, current]);
  const isOpen = (id: string) => current?.tail.id === id || draining.has(id);
  const isOthers = (id: string) => parts.isOthers(id, path);
  const seen = seenFiles(parts, placed, isOpen, isOthers);
  const isLookDue = (present: readonly RotatedFile[] = glance.rotated(path)) => seen.isLookDue(present);
  const copies = warnOfCopies(parts, path);

  /** How long each file was when no more was to be read, by device and inode; undefined before that. */
  let sizes: Map<string, number> | undefined;
  const generationAt = (...of: Parameters<typeof generationOf>): Generation => {
    const generation = generationOf(...of);
    if (sizes !== undefined) generation.tail.endAt(sizes.get(generation.tail.id) ?? 0);
    return generation;
  };

  const openPlaced = ({ path: at, id, start, ends }: PlacedFile): Generation => {
    const file = parts.open(at);
    if (file.id === id) return generationOf(path, file, start, ends);
    file.close();
    throw movedAway(at);
  };

  const drain = (generation: Generation): void => {
    run.record(generation.name, undefined);
    generation.name = rotatedName(path, generation.tail.id);
    run.record(generation.name, generation.signed.position());
    seen.add(generation.tail.id);
    copies.isRead(generation.tail.id);
    draining.add(generation);
  };

  try {
    for (const file of placed.rotated) drain(openPlaced(file));
    if (placed.current !== undefined) current = openPlaced(placed.current);
  } catch (error) {
    for (const { tail } of draining.all) tail.close();
    throw error;
  }
  if (current !== undefined) run.record(path, current.signed.position());

  /** From its beginning, or from where it was signed; undefined where it was, and holds something else now. */
  const generationFrom = (at: string, file: OpenFile): Generation | undefined => {
    const place = parts.movedTo(file);
    if (place !== undefined || !seen.wasRead(file.id)) {
      return generationAt(at, file, place?.start, place?.ends);
    }
    seen.setEnd(file.id, undefined);
    warn(`${at} was signed, and holds something else now: what is new in it is not taken`);
    return undefined;
  };

  /** The file that now stands under the path. */
  const begin = (): void => {
    const file = ifThere(() => parts.open(path));
    current = undefined;
    // it may have been rotated before, and be read still
    if (file !== undefined && (isOpen(file.id) || isOthers(file.id))) file.close();
    else if (file !== undefined) {
      seen.setEnd(file.id, undefined);
      current = generationFrom(path, file);
      if (current !== undefined) run.record(path, current.signed.position());
    }
    // before the first line of a file; where there is none, nothing comes after what was not seen
    if (current !== undefined || isLookDue()) adoptUnseen();
  };

  /**
   * Rotated files that came and went as the log between two looks; a copy of it in the making is none.
   * The file that is followed may be among them itself: what is older comes before it, what is newer after.
   */
  const adoptUnseen = (attempt = 1): boolean => {
    const rotated = rotatedFiles(files, path);
    seen.forgetGone(rotated);
    let [adopted, copied] = [false, false];
    for (const one of rotated) {
      const { path: at, id } = one;
      // where it was copied, it is to be truncated: what was read of it goes on in the copy, and not in itself
      if (!copied && current?.tail.id === id && identify(files, path)?.id !== id) {
        drain(current);
        current = undefined;
        adopted = true;
      }
      if (!seen.isToRead(one)) continue;
      const file = ifThere(() => parts.open(at));
      if (file?.id !== id && attempt < MAX_ATTEMPTS) {
        // renamed since it was listed: whether it is a copy could not be told
        file?.close();
        return adoptUnseen(attempt + 1) || adopted;
      }
      if (file === undefined) continue;
      const copy = current?.tail.isCopiedTo(file) === true;
      const generation = file.id === id && !copy ? generationFrom(at, file) : undefined;
      if (generation === undefined) file.close();
      else {
        drain(generation);
        adopted = true;
      }
      // an empty one is in the making, or of a file that had nothing to lose
      if (!copy || file.size === 0) continue;
      copied = true;
      if (current !== undefined) copies.isTaken(current, at, id);
    }
    return adopted;
  };

  /** What was read is gone from the file; where it was copied before, the copy has the rest. */
  const replaceTruncated = (generation: Generation): void => {
    const copy = findCopy(parts, path, generation, isOpen);
    if (copy !== undefined) generation.tail.moveTo(copy);
    else {
      const lines = generation.signed.position()?.lines ?? 0;
      warn(`${path} was truncated after line ${lines}, and nowhere goes on: lines may be lost`);
    }
    generation.tail.stop();
    drain(generation);
    const file = ifThere(() => parts.open(path));
    current = file && generationAt(path, file);
    adoptUnseen();
  };

  const poll = async (): Promise<Lines | undefined> => {
    if (current === undefined) begin();
    else if (!current.tail.begun && isLookDue()) adoptUnseen();
    const rest = await draining.poll();
    if (rest !== undefined || current === undefined) return rest;
    const isFirst = !current.tail.begun;
    const lines = await current.input.peek(0);
    if (lines === undefined) return lookForRotation(current) ? poll() : undefined;
    return { ...linesOf(current, lines), isFirst };
  };

  /** Whether the file is shorter than what was read of it: at the next look it can be as long again. */
  const isShorter = (generation: Generation, now: RotatedFile): boolean => {
    if (now.size < generation.tail.position) {
      generation.tail.shrank();
      replaceTruncated(generation);
      return true;
    }
    if (isWrittenAnew(generation, now)) {
      const lines = generation.signed.position()?.lines ?? 0;
      warn(
        `${path} was written to after line ${lines}, and is no longer: if it was truncated, and written anew with the same lines, those are lost`,
      );
    }
    return false;
  };

  /** At the end of what is there. Whether there may be more now. */
  const lookForRotation = (generation: Generation): boolean => {
    if (generation.tail.isKey) {
      current = undefined;
      generation.tail.close();
      begin();
      return false;
    }
    const now = identify(files, path);
    const isElsewhere = now?.id !== generation.tail.id;
    // it can have been truncated since it was read, and before it was renamed
    if (generation.tail.truncated || (isElsewhere && generation.tail.isTruncated())) {
      replaceTruncated(generation);
      return true;
    }
    if (isElsewhere && (now === undefined || isOthers(now.id))) return adoptUnseen();
    if (now.id === generation.tail.id) return isShorter(generation, now) || (isLookDue() && adoptUnseen());
    drain(generation);
    begin();
    return true;
  };

  seen.forget(placed.gone);
  return {
    path,
    poll,
    look: () => glance.rotated(path),
    isPreceded: ([before, now]) =>
      (!isDeepStrictEqual(namesAndIds(before), namesAndIds(now)) || isLookDue(now)) && adoptUnseen(),
    ids: () => new Set([...seen.ids(), ...openFiles().map(({ tail }) => tail.id)]),
    has: (id) => isOpen(id) || seen.has(id),
    endHere() {
      const there = [...glance.rotated(path), identify(files, path)].filter((file) => file !== undefined);
      sizes = new Map(there.map(({ id, size }) => [id, size]));
      for (const { tail } of openFiles()) tail.endAt(tail.size());
    },
    close() {
      for (const { tail } of openFiles()) tail.close();
    },
  };
}
