import type { Platform } from "../../platform/platform.ts";
import { NEWLINE } from "../records.ts";
import { STREAM } from "./expand.ts";
import { beginning, lineInput, type LineInput } from "./lines.ts";
import { fileSource, streamSource } from "./sources.ts";

/** What reading an input needs. */
export type RecordParts = Pick<Platform, "files" | "clock" | "stdin" | "signal">;

const TOO_LONG = "a record has at most 1 MiB: is it a log file, with one record a line?";

/** Gives each record of an input, with its line's number; returns the input's length. */
export async function eachRecord(
  path: string,
  { files, clock, stdin, signal }: RecordParts,
  visit: (record: Buffer, line: number) => void,
): Promise<number> {
  if (path === STREAM) {
    try {
      return await visitLines(
        lineInput(path, streamSource(stdin, clock, signal), beginning(), TOO_LONG),
        signal,
        visit,
      );
    } finally {
      stdin.close();
    }
  }
  const file = files.open(path, { follow: true });
  try {
    return await visitLines(lineInput(path, fileSource(file, 0), beginning(), TOO_LONG), signal, visit);
  } finally {
    file.close();
  }
}

async function visitLines(
  input: LineInput,
  signal: AbortSignal,
  visit: (record: Buffer, line: number) => void,
): Promise<number> {
  let [line, length] = [0, 0];
  for (;;) {
    signal.throwIfAborted();
    const lines = await input.peek(Number.POSITIVE_INFINITY);
    if (lines === undefined) continue;
    if (lines.length === 0) return length;
    const before = line;
    for (let start = 0; start < lines.length;) {
      const newline = lines.indexOf(NEWLINE, start);
      const end = newline < 0 ? lines.length : newline;
      line += 1;
      visit(lines.subarray(start, end), line);
      start = end + 1;
    }
    length += lines.length;
    input.take(lines.length, line - before);
  }
}
