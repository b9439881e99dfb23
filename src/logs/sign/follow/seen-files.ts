import type { Clock } from "../../../platform/platform.ts";
import type { SigningRun } from "../run.ts";
import type { HeldFiles } from "./held-files.ts";
import { rotatedName } from "./known-positions.ts";
import type { GoneFile, PlacedLog } from "./place.ts";
import type { RotatedFile } from "./rotated.ts";

interface SeenParts {
  readonly clock: Clock;
  readonly run: Pick<SigningRun, "record">;
  readonly held: HeldFiles;
  readonly release: (id: string) => void;
}

/** Milliseconds after which a rotated file that was moved elsewhere is forgotten; one that was removed is at once. */
const GONE = 10_000;
/** Rotated files that are gone and whose positions stay known, in case they come back. */
const MAX_GONE = 16;

/** The rotated files of a log that are taken care of, by device and inode. */
export interface SeenFiles {
  add(id: string): void;
  has(id: string): boolean;
  ids(): Iterable<string>;
  /** It was read to its end, which is at so many bytes; undefined where that says nothing any more. */
  setEnd(id: string, bytes: number | undefined): void;
  /** Whether it was read to its end, and had anything in it. */
  wasRead(id: string): boolean;
  /** Whether a file has something that is not read: it is not known, or longer than it was when it had been read. */
  isToRead(file: RotatedFile): boolean;
  /** Whether a closer look may find a rotated file that is not taken care of, or that one is gone. */
  isLookDue(present: readonly RotatedFile[]): boolean;
  /**
   * The positions of rotated files that are there stay known, for every later run to recognise them; of
   * those that are gone, the newest do. One that was being renamed when the directory was read is there
   * again at the next look.
   */
  forgetGone(present: readonly RotatedFile[]): void;
  /** These are gone. */
  forget(more: readonly GoneFile[]): void;
}

/**
 * @param isOpen whether the log reads that file at present
 * @param isOthers whether another log has it
 */
export function seenFiles(
  { clock, run, held, release }: SeenParts,
  { path, present: placed }: PlacedLog,
  isOpen: (id: string) => boolean,
  isOthers: (id: string) => boolean,
): SeenFiles {
  /** Since when they are missing, by the monotonic clock. */
  const seen = new Map<string, number | undefined>();
  for (const id of placed) seen.set(id, undefined);
  /** How long those were that were read to their end, in bytes. */
  const ends = new Map<string, number>();
  const gone: GoneFile[] = [];

  const idsOf = (files: readonly RotatedFile[]) => new Set(files.map(({ id }) => id));

  const isMissing = (id: string, present: ReadonlySet<string>) => !present.has(id) && !isOpen(id);

  const isToRead = ({ id, size }: RotatedFile): boolean =>
    (!seen.has(id) || size > (ends.get(id) ?? size)) && !isOpen(id) && !isOthers(id);

  const forget = (more: readonly GoneFile[]): void => {
    gone.push(...more);
    for (const { name, id } of gone.splice(0, Math.max(0, gone.length - MAX_GONE))) {
      // it can have come back
      if (!seen.has(id) && !isOpen(id)) run.record(name, undefined);
    }
  };

  return {
    add: (id) => seen.set(id, undefined),
    has: (id) => seen.has(id),
    ids: () => seen.keys(),
    setEnd(id, bytes) {
      if (bytes === undefined) ends.delete(id);
      else ends.set(id, bytes);
    },
    wasRead: (id) => (ends.get(id) ?? 0) > 0,
    isToRead,
    isLookDue(present) {
      const there = idsOf(present);
      return present.some(isToRead) || [...seen.keys()].some((id) => isMissing(id, there));
    },
    forgetGone(present) {
      const [there, now] = [idsOf(present), clock.monotonic()];
      for (const [id, missingSince = now] of seen) {
        const missing = isMissing(id, there);
        if (!missing || (!held.isRemoved(id) && now - missingSince <= GONE)) {
          seen.set(id, missing ? missingSince : undefined);
          continue;
        }
        seen.delete(id);
        ends.delete(id);
        release(id);
        forget([{ name: rotatedName(path, id), id }]);
      }
    },
    forget,
  };
}
