import type { OpenFile } from "../../../platform/files.ts";
import { beginning, type LineInput, lineInput } from "../lines.ts";
import { NO_ENDS } from "../positions.ts";
import type { SignedInput } from "../run.ts";
import type { InputPosition } from "../state.ts";
import type { RotatedFile } from "./rotated.ts";
import { type TailedFile, tailedFile } from "./tailed-file.ts";

/** Whole lines that are at hand. */
export interface Lines {
  readonly input: SignedInput;
  readonly lines: Buffer;
  /** Device and inode of the file that they are from; undefined for a stream. */
  readonly file?: string;
  /** Whether they are the first of the file under the log's path: others may have come before. */
  readonly isFirst?: boolean;
}

interface FileEnd {
  readonly position: number;
  /** When it was last written, in milliseconds since the epoch. */
  readonly mtime: number;
  /** At how many later looks it was as long, and written since. */
  readonly anew: number;
}

/** One file that stood under the path, from its first line to its last. */
export interface Generation {
  readonly tail: TailedFile;
  readonly input: LineInput;
  readonly signed: SignedInput;
  name: string;
  /** Since when nothing came, by the monotonic clock. */
  idleSince: number | undefined;
  /** Of the first look at which so much of it was read, and that was all. */
  end: FileEnd | undefined;
}

export function generationOf(name: string, file: OpenFile, start = beginning(), ends = NO_ENDS): Generation {
  const tail = tailedFile(file, start.bytes, ends);
  const input = lineInput(name, tail, start);
  const generation: Generation = {
    tail,
    input,
    name,
    idleSince: undefined,
    end: undefined,
    signed: {
      get name() {
        return generation.name;
      },
      take: (bytes, lines) => input.take(bytes, lines),
      position: () => positionOf(generation),
    },
  };
  return generation;
}

export function linesOf({ signed, tail }: Generation, lines: Buffer): Lines {
  return { input: signed, lines, file: tail.id };
}

function positionOf({ name, tail, input }: Generation): InputPosition | undefined {
  const position = input.position();
  return position === undefined ? undefined : { ...position, name, file: tail.id };
}

/**
 * Whether a file was written to since the end of what is read of it was reached, and is no longer for that:
 * it was written anew with the same bytes, or only touched. Said once, and not before the second look, as the time
 * of a write can be there before its bytes.
 */
export function isWrittenAnew(generation: Generation, { size, mtime }: RotatedFile): boolean {
  const { end, tail } = generation;
  if (size !== tail.position || size === 0) return false;
  const since = end?.position === size ? end : { position: size, mtime, anew: 0 };
  const anew = since.anew + (since.mtime === mtime ? 0 : 1);
  generation.end = { ...since, anew };
  return anew === 2 && since.anew === 1;
}
