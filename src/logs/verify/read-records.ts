import { createHash } from "node:crypto";
import { BLOCK, recordHasher } from "../records.ts";
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

/** Records for whose hashes there is room at once; for more it grows. */
const MANY = 1 << 17;

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
  const offsets: number[] = [];
  const bytes = Math.min(maxBytes, file.size);
  const hasher = recordHasher({
    bytes,
    records: Math.min(maxRecords, bytes, MANY),
    most: maxRecords,
    onRecord: (start) => offsets.push(start),
  });
  const { room } = hasher;
  let position = 0;
  while (position < maxBytes && hasher.count() < maxRecords) {
    await pace();
    const read = await file.read(room.subarray(0, Math.min(room.length, maxBytes - position)), position);
    if (read === 0) break;
    position += hasher.take(read);
  }
  return { ...hasher.end(), offsets, end: position, cut: position < file.size };
}

/**
 * The hex SHA-256 of the first `length` bytes of a file, and how many there were.
 * @param chunk room to read into: new memory for each file costs as much as a tenth of its hash
 */
export async function hashOfFile(
  file: StoredFile,
  length: number,
  pace: Pace,
  chunk: Buffer = Buffer.allocUnsafe(Math.min(BLOCK, Math.max(1, length))),
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
