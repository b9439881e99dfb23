import { batchPath } from "../layout.ts";
import type { BatchLeaf } from "../leaf.ts";
import { HASH_SIZE, leafHash } from "../merkle.ts";
import { NEWLINE } from "../records.ts";
import type { Findings } from "./finding.ts";
import { MAX_LOCATED } from "./locate-records.ts";
import type { Pace } from "./pace.ts";
import { hashFileRecords } from "./read-records.ts";
import type { StoredFile } from "./store.ts";

/** How much of what follows a batch is looked at: the longest record with its newline. */
const MAX_TAIL = (1 << 20) + 1;
/** Lines of it that are looked at one by one. */
const MAX_LINES = 1000;

/**
 * Reports what follows the signed bytes of a batch that is otherwise intact: further records where
 * it is copies of signed ones or lines of JSON objects, trailing data from the first byte on that is neither.
 */
export async function judgeTail(
  { findings, pace }: { readonly findings: Findings; readonly pace: Pace },
  leaf: BatchLeaf,
  file: StoredFile,
): Promise<void> {
  const { seq, bytes, records } = leaf;
  const path = batchPath(seq);
  const tail = Buffer.allocUnsafe(Math.min(MAX_TAIL, file.size - bytes));
  const length = await file.read(tail, bytes);
  const lines = (await endsWithNewline(file, bytes)) ? linesIn(tail.subarray(0, length)) : [];
  const copied = await signedRecords(lines, leaf, file, pace);
  let at = 0;
  let line = records + 1;
  for (const { text, end, hash } of lines) {
    const from = copied.get(hash);
    if (from === undefined && !isObject(text)) break;
    const place = { seq, line, offset: bytes + at, path };
    findings.add(
      from === undefined
        ? { code: "RECORD_INSERTED", ...place, detail: "a record after the last one that was signed" }
        : { code: "RECORD_DUPLICATED", ...place, from, to: line, detail: `a copy of record ${from}` },
    );
    line += 1;
    at = end;
  }
  if (bytes + at >= file.size) return;
  findings.add({
    code: "TRAILING_DATA",
    seq,
    line,
    offset: bytes + at,
    path,
    detail: `${file.size - bytes - at} bytes follow the last signed record`,
  });
}

async function endsWithNewline(file: StoredFile, bytes: number): Promise<boolean> {
  const last = Buffer.alloc(1);
  return bytes === 0 || ((await file.read(last, bytes - 1)) === 1 && last[0] === NEWLINE);
}

/** A whole line of the tail: without its newline, where the next one begins, and its leaf hash. */
interface Line {
  readonly text: Buffer;
  readonly end: number;
  readonly hash: string;
}

function linesIn(bytes: Buffer): Line[] {
  const lines: Line[] = [];
  let start = 0;
  for (let lf = bytes.indexOf(NEWLINE); lf >= 0; lf = bytes.indexOf(NEWLINE, start)) {
    if (lines.length === MAX_LINES) break;
    const text = bytes.subarray(start, lf);
    start = lf + 1;
    lines.push({ text, end: start, hash: leafHash(text).toString("hex") });
  }
  return lines;
}

/** By leaf hash the number of the first signed record that a line is a copy of. */
async function signedRecords(
  lines: readonly Line[],
  { bytes, records }: BatchLeaf,
  file: StoredFile,
  pace: Pace,
): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  if (lines.length === 0 || records > MAX_LOCATED) return found;
  const wanted = new Set(lines.map(({ hash }) => hash));
  const { hashes } = await hashFileRecords(file, { bytes, records }, pace);
  for (let record = 0; record * HASH_SIZE < hashes.length; record += 1) {
    const hash = hashes.toString("hex", record * HASH_SIZE, (record + 1) * HASH_SIZE);
    if (wanted.has(hash) && !found.has(hash)) found.set(hash, record + 1);
  }
  return found;
}

function isObject(line: Buffer): boolean {
  try {
    const value: unknown = JSON.parse(line.toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
