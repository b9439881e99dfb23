import { hash } from "node:crypto";
import { HASH_SIZE, rootOf, sha256 } from "./merkle.ts";

/** Records are lines: what stands between newlines, without them, whatever else it holds. */
export const NEWLINE = 0x0a;

/** What a leaf says about the records of its batch, and their hashes. */
export interface HashedRecords {
  readonly records: number;
  /** Leaf hashes of the records, one after the other. */
  readonly hashes: Buffer;
  readonly root: Buffer;
  /** SHA-256 over all the bytes, in hex. */
  readonly sha256: string;
}

/** How many records `data` holds; the last may lack its newline. */
export function countRecords(data: Buffer): number {
  let records = 0;
  for (let at = data.indexOf(NEWLINE); at >= 0; at = data.indexOf(NEWLINE, at + 1)) records += 1;
  return data.length > 0 && data.at(-1) !== NEWLINE ? records + 1 : records;
}

/**
 * Hashes the lines in `buffer` from byte 1 to before `end`; byte 0 is scratch. Each record's hash
 * wants a zero byte before it, so the byte before a record is zeroed for as long as that takes:
 * copying the record instead costs a fifth of the time.
 */
export function hashRecords(buffer: Buffer, end: number): HashedRecords {
  const data = buffer.subarray(1, end);
  const digest = sha256(data).toString("hex");
  const hashes = Buffer.allocUnsafe(countRecords(data) * HASH_SIZE);
  let at = 0;
  for (let start = 1; start < end;) {
    const newline = buffer.indexOf(NEWLINE, start);
    const stop = newline < 0 || newline >= end ? end : newline;
    const before = buffer[start - 1] as number;
    buffer[start - 1] = 0;
    hashes.write(hash("sha256", buffer.subarray(start - 1, stop), "binary"), at, "latin1");
    buffer[start - 1] = before;
    at += HASH_SIZE;
    start = stop + 1;
  }
  return { records: hashes.length / HASH_SIZE, hashes, root: rootOf(hashes), sha256: digest };
}
