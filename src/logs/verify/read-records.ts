import { createHash, hash } from "node:crypto";
import { HASH_SIZE } from "../merkle.ts";
import type { Pace } from "./pace.ts";
import type { StoredFile } from "./store.ts";

/** The records of a batch file: its lines without their newlines. */
export interface Records {
  /** Their leaf hashes, one after the other. */
  readonly hashes: Buffer;
  /** Where each record begins, in bytes. */
  readonly offsets: readonly number[];
  /** Where reading stopped: the end of the file unless a limit was met. */
  readonly end: number;
  /** Whether the last record has its newline. */
  readonly terminated: boolean;
  /** Whether a limit was met. */
  readonly cut: boolean;
}

/** Bytes that are read at once: with 256 KiB and more, reading costs the system four times as much. */
export const CHUNK = 1 << 16;
/** Records for whose hashes there is room at once; for more it grows. */
const MANY = 1 << 17;
const LF = 0x0a;
const LEAF_PREFIX = Buffer.of(0);

/**
 * Splits a batch file into records and hashes each. Reads at most `maxBytes` and keeps at most
 * `maxRecords`; a record of any length takes no more memory than a short one.
 */
export async function readRecords(
  file: StoredFile,
  maxBytes: number,
  maxRecords: number,
  pace: Pace,
): Promise<Records> {
  const hashes = hashList(Math.min(maxRecords, maxBytes, file.size, MANY));
  const offsets: number[] = [];
  // Byte 0 is room for the 00 before a record that begins with the chunk.
  const size = Math.min(CHUNK, Math.max(1, Math.min(file.size, maxBytes)));
  const chunk = Buffer.allocUnsafe(1 + size);
  let long: ReturnType<typeof createHash> | undefined;
  let position = 0;
  let start = 0;
  const atLimit = () => offsets.length >= maxRecords;
  while (position < maxBytes && !atLimit()) {
    await pace();
    const read = await file.read(chunk.subarray(1, 1 + Math.min(size, maxBytes - position)), position);
    if (read === 0) break;
    const end = 1 + read;
    let from = 1;
    for (let lf = chunk.indexOf(LF, from); lf >= 0 && lf < end; lf = chunk.indexOf(LF, from)) {
      if (long === undefined) {
        // the byte before the record is the newline of the one before, which is done with
        chunk[from - 1] = 0;
        hashes.add(hash("sha256", chunk.subarray(from - 1, lf), "binary"));
      } else {
        hashes.add(long.update(chunk.subarray(from, lf)).digest("binary"));
        long = undefined;
      }
      offsets.push(start);
      from = lf + 1;
      start = position + from - 1;
      if (atLimit()) break;
    }
    if (!atLimit() && from < end) {
      long ??= createHash("sha256").update(LEAF_PREFIX);
      long.update(chunk.subarray(from, end));
    }
    position += read;
  }
  const terminated = long === undefined;
  if (long !== undefined) {
    hashes.add(long.digest("binary"));
    offsets.push(start);
  }
  const stopped = atLimit() ? start : position;
  return { hashes: hashes.take(), offsets, end: stopped, terminated, cut: stopped < file.size };
}

/** Digests one after the other. */
function hashList(expected: number): { add(digest: string): void; take(): Buffer } {
  let bytes = Buffer.allocUnsafe((expected + 1) * HASH_SIZE);
  let length = 0;
  return {
    add(digest) {
      if (length === bytes.length) bytes = Buffer.concat([bytes], bytes.length * 2);
      length += bytes.write(digest, length, "latin1");
    },
    take: () => bytes.subarray(0, length),
  };
}

/**
 * The hex SHA-256 of the first `length` bytes of a file, and how many there were.
 * @param chunk room to read into: new memory for each file costs as much as a tenth of its hash
 */
export async function hashOfFile(
  file: StoredFile,
  length: number,
  pace: Pace,
  chunk: Buffer = Buffer.allocUnsafe(Math.min(CHUNK, Math.max(1, length))),
): Promise<{ readonly sha256: string; readonly bytes: number }> {
  const digest = createHash("sha256");
  let position = 0;
  while (position < length) {
    await pace();
    const read = await file.read(chunk.subarray(0, Math.min(chunk.length, length - position)), position);
    if (read === 0) break;
    digest.update(chunk.subarray(0, read));
    position += read;
  }
  return { sha256: digest.digest("hex"), bytes: position };
}
