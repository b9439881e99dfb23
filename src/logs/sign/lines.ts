import { FleetsecError } from "../../errors.ts";
import { leafHash } from "../merkle.ts";
import { NEWLINE } from "../records.ts";
import { type PrefixHash, prefixHash } from "./prefix-hash.ts";
import type { InputPosition } from "./state.ts";

/** The longest record, in bytes without its newline. */
export const MAX_RECORD = 1 << 20;
const BLOCK = 1 << 16;
/**
 * To memory that threads share, V8 copies whole words only where both sides are equally aligned, and else
 * byte by byte. So what is at byte N of an input stands N bytes after a word's beginning here.
 */
export const WORD = 8;

/** Where bytes come from. */
export interface ByteSource {
  /**
   * Reads into `target`, waiting no longer than until `until`, by the monotonic clock.
   * @returns the bytes read, 0 at the end, undefined when nothing came in time
   */
  read(target: Buffer, until: number): Promise<number | undefined>;
}

/** Where reading an input begins, and what it was up to there. */
export interface Start extends Omit<InputPosition, "name" | "sha256" | "stretches" | "first"> {
  /** Fed with the bytes up to there. */
  readonly hash: PrefixHash;
  readonly first: string | undefined;
}

/** The position that a start stands for; undefined at the beginning. */
export function positionAt(name: string, start: Start): InputPosition | undefined {
  const { bytes, lines, hash, first, unterminated } = start;
  if (first === undefined) return undefined;
  return { name, bytes, lines, ...hash.digest(), first, unterminated };
}

/** The beginning of an input. */
export function beginning(): Start {
  return { bytes: 0, lines: 0, hash: prefixHash(), first: undefined, unterminated: false };
}

/** An input, line by line. */
export interface LineInput {
  readonly name: string;
  /**
   * The whole lines at hand, which are at least one; the last of the input may lack its newline.
   * @returns no bytes at the end, undefined when nothing came in time
   * @throws FleetsecError `input` on a line that is too long
   */
  peek(until: number): Promise<Buffer | undefined>;
  /**
   * Counts so many bytes, which are so many lines, of what `peek` gave as taken.
   * @param later whether the caller hashes them, before it asks for the position
   */
  take(bytes: number, lines: number, later?: boolean): void;
  /** Fed with all that was taken but what the caller is to hash. */
  readonly hash: PrefixHash;
  /** How far the input has been taken; undefined where nothing of it has. */
  position(): InputPosition | undefined;
  /** Whether this run signed the rest of a line whose beginning an earlier run had signed. */
  resumedWithinLine(): boolean;
}

/** @param tooLongHint what to do about a line over 1 MiB, where it is not to be signed */
export function lineInput(
  name: string,
  source: ByteSource,
  start: Start,
  tooLongHint = "a record has at most 1 MiB; what came after the last signed batch is not signed",
): LineInput {
  const buffer = Buffer.allocUnsafeSlow(WORD + MAX_RECORD + 1 + BLOCK);
  const { hash } = start;
  let { bytes, lines, first, unterminated } = start;
  let withinLine = false;
  /** Bytes of the buffer that are not taken, and the end of the last whole line among them. */
  let [begin, whole, end] = [0, 0, 0];
  let ended = false;

  const fill = async (until: number): Promise<boolean> => {
    const to = bytes % WORD;
    buffer.copyWithin(to, begin, end);
    [begin, whole, end] = [to, to, to + end - begin];
    const read = await source.read(buffer.subarray(end, end + BLOCK), until);
    if (read === undefined) return false;
    if (read === 0) ended = true;
    const newline = buffer.subarray(end, end + read).lastIndexOf(NEWLINE);
    whole = newline < 0 ? begin : end + newline + 1;
    end += read;
    // a line that lies within one block is no longer than a block
    const longest = whole > begin ? buffer.indexOf(NEWLINE, begin) - begin : end - begin;
    if (longest > MAX_RECORD) throw tooLong(name, lines + 1, tooLongHint);
    if (ended) whole = end;
    return true;
  };

  /** The last line was signed before its newline came: that newline is no record. */
  const resumeLine = (): void => {
    unterminated = false;
    withinLine = buffer[begin] !== NEWLINE;
    if (!withinLine) advance(1);
  };

  const advance = (count: number, later = false): void => {
    if (!later) hash.update(buffer.subarray(begin, begin + count));
    begin += count;
    bytes += count;
  };

  return {
    name,
    async peek(until) {
      for (;;) {
        if (unterminated && begin < whole) resumeLine();
        if (whole > begin || ended) return buffer.subarray(begin, Math.max(begin, whole));
        if (!(await fill(until))) return undefined;
      }
    },
    take(count, lineCount, later) {
      // the next line had no room in the batch: of the one before it nothing is new
      if (count === 0) return;
      const taken = buffer.subarray(begin, begin + count);
      const newline = taken.indexOf(NEWLINE);
      first ??= leafHash(newline < 0 ? taken : taken.subarray(0, newline)).toString("hex");
      unterminated = taken.at(-1) !== NEWLINE;
      lines += lineCount;
      advance(count, later);
    },
    hash,
    position: () => positionAt(name, { bytes, lines, hash, first, unterminated }),
    resumedWithinLine: () => withinLine,
  };
}

function tooLong(name: string, line: number, hint: string): FleetsecError {
  const input = name === "-" ? "standard input" : name;
  return new FleetsecError("input", `${input}: line ${line} is longer than ${MAX_RECORD} bytes`, {
    hint,
  });
}
