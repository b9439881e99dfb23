import type { Files, OpenFile } from "../../../platform/files.ts";
import type { Clock } from "../../../platform/platform.ts";
import { reading } from "../positions.ts";
import type { Generation } from "./generation.ts";
import type { RotatedFile } from "./rotated.ts";

/**
 * The rotated file of a log that can be a copy which copytruncate is making of it, before it truncates it: the
 * newest in which there is nothing but what the log begins with.
 * @param rotated the oldest first
 * @throws FleetsecError `not-found` where a file is moved meanwhile
 */
export function copyInMaking(
  files: Files,
  rotated: readonly RotatedFile[],
  current: RotatedFile,
): RotatedFile | undefined {
  if (current.size === 0) return undefined;
  return reading(files, current.path, (log) =>
    rotated.findLast(({ path }) => reading(files, path, (copy) => isBeginningOf(copy, log))),
  );
}

const BLOCK = 64 << 10;

/** Whether all that is in a file is what the other one begins with. */
function isBeginningOf(part: OpenFile, whole: OpenFile): boolean {
  const [own, other] = [Buffer.allocUnsafe(BLOCK), Buffer.allocUnsafe(BLOCK)];
  for (let at = 0; ;) {
    const bytes = own.subarray(0, part.read(own, at));
    if (bytes.length === 0) return true;
    if (!other.subarray(0, whole.read(other, at)).subarray(0, bytes.length).equals(bytes)) return false;
    at += bytes.length;
  }
}

interface WarningParts {
  readonly clock: Clock;
  readonly warn: (text: string) => void;
}

/** Milliseconds after which copytruncate should have truncated what it copied, however large. */
const COPIED = 600_000;

/** Warns of copies of a log of which it cannot be told whether they are copies; once of each. */
export interface CopyWarnings {
  /** To be told at every look that a file, by device and inode, is taken for one. */
  isTaken(of: Generation, at: string, id: string): void;
  /** It is taken for one no longer. */
  isRead(id: string): void;
}

export function warnOfCopies({ clock, warn }: WarningParts, path: string): CopyWarnings {
  /** Since when they are there, by the monotonic clock; infinite of which was warned. */
  const copies = new Map<string, number>();
  const isTaken = ({ tail }: Generation, at: string, id: string): void => {
    const since = copies.get(id) ?? clock.monotonic();
    const stays = clock.monotonic() - since >= COPIED;
    // of equal lines, what is in the log may go on from the copy, or be its first lines again
    const isDue = since !== Number.POSITIVE_INFINITY && (tail.isUniform || stays);
    copies.set(id, isDue ? Number.POSITIVE_INFINITY : since);
    if (!isDue) return;
    const what = tail.isUniform
      ? `is a copy of ${path}, whose lines are all equal: if it was truncated after that, lines may be lost`
      : `begins as ${path} does, and is taken for a copy of it: its lines are not signed beside those`;
    warn(`${at} ${what}`);
  };
  return { isTaken, isRead: (id) => copies.delete(id) };
}
