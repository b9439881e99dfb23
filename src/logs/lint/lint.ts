import type { Platform } from "../../platform/platform.ts";
import { NEWLINE } from "../records.ts";
import { expandInputs } from "../sign/expand.ts";
import { beginning, lineInput, type LineInput } from "../sign/lines.ts";
import { fileSource, streamSource } from "../sign/sources.ts";
import { type Fault, lintRecord } from "./event.ts";

export interface LintFinding extends Fault {
  /** An absolute path, or `-`. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
}

export interface LintResult {
  readonly ok: boolean;
  readonly checked: { readonly files: number; readonly records: number; readonly bytes: number };
  /** All of them, though only the first are listed. */
  readonly faults: number;
  readonly findings: readonly LintFinding[];
  readonly skipped: readonly string[];
}

export type LintParts = Pick<Platform, "files" | "clock" | "stdin" | "signal">;

/** Findings that are kept; the rest is counted. */
const MAX_FINDINGS = 1_000;
const STREAM = "-";

/**
 * Checks every record against the rules of events.
 * @param inputs files and directories as absolute paths, or `-`
 * @throws FleetsecError `input`, `not-found` on inputs that cannot be read, or with a line over 1 MiB
 */
export async function lintLogs(inputs: readonly string[], parts: LintParts): Promise<LintResult> {
  const { paths, skipped } = expandInputs(parts.files, inputs);
  const findings: LintFinding[] = [];
  let [records, bytes, faults] = [0, 0, 0];
  for (const path of paths) {
    bytes += await eachRecord(path, parts, (record, line) => {
      records += 1;
      for (const fault of lintRecord(record).faults) {
        faults += 1;
        if (findings.length < MAX_FINDINGS) findings.push({ ...fault, file: path, line });
      }
    });
  }
  const checked = { files: paths.length, records, bytes };
  return { ok: faults === 0, checked, faults, findings, skipped };
}

/** Gives each record of an input, with its line's number; returns the input's length. */
async function eachRecord(
  path: string,
  { files, clock, stdin, signal }: LintParts,
  visit: (record: Buffer, line: number) => void,
): Promise<number> {
  if (path === STREAM) {
    try {
      return await visitLines(
        lineInput(path, streamSource(stdin, clock, signal), beginning()),
        signal,
        visit,
      );
    } finally {
      stdin.close();
    }
  }
  const file = files.open(path, { follow: true });
  try {
    return await visitLines(lineInput(path, fileSource(file, 0), beginning()), signal, visit);
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
