import { batchPath } from "../layout.ts";
import type { BatchLeaf } from "../leaf.ts";
import type { Findings } from "./finding.ts";
import type { StoredFile } from "./store.ts";

/** How much of what follows a batch is looked at. */
const MAX_TAIL = 1 << 20;
const MAX_INSERTED = 1000;

/**
 * Reports what follows the signed bytes of a batch that is otherwise intact: further records where
 * it is lines of JSON objects, trailing data from the first byte on that is none.
 */
export async function judgeTail(
  { findings }: { readonly findings: Findings },
  leaf: BatchLeaf,
  file: StoredFile,
): Promise<void> {
  const { seq, bytes, records } = leaf;
  const path = batchPath(seq);
  const tail = Buffer.allocUnsafe(Math.min(MAX_TAIL, file.size - bytes));
  const length = await file.read(tail, bytes);
  let at = 0;
  let line = records + 1;
  const lines = (await endsWithNewline(file, bytes)) ? recordsIn(tail.subarray(0, length)) : [];
  for (const end of lines.slice(0, MAX_INSERTED)) {
    findings.add({
      code: "RECORD_INSERTED",
      seq,
      line: line++,
      offset: bytes + at,
      path,
      detail: "a record after the last one that was signed",
    });
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
  return bytes === 0 || ((await file.read(last, bytes - 1)) === 1 && last[0] === 0x0a);
}

/** Where each record ends that the bytes begin with: lines that are JSON objects. */
function recordsIn(bytes: Buffer): number[] {
  const ends: number[] = [];
  let start = 0;
  for (let lf = bytes.indexOf(0x0a); lf >= 0; lf = bytes.indexOf(0x0a, start)) {
    if (!isObject(bytes.subarray(start, lf))) break;
    start = lf + 1;
    ends.push(start);
  }
  return ends;
}

function isObject(line: Buffer): boolean {
  try {
    const value: unknown = JSON.parse(line.toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
