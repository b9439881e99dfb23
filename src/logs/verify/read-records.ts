import { createHash, hash } from "node:crypto";
import { BLOCK, type ExpectedRecords, recordHasher } from "../records.ts";
import type { Pace } from "./pace.ts";
import type { StoredFile } from "./store.ts";

/** The hashes of a batch file's records: its lines without their newlines. */
export interface HashedFile {
  /** Leaf hashes, one after the other; where they go elsewhere, the last of them. */
  readonly hashes: Buffer;
  readonly count: number;
  /** Where reading stopped: the end of the file unless a limit was met. */
  readonly end: number;
  /** Whether the last record has its newline. */
  readonly terminated: boolean;
  /** Whether a limit was met. */
  readonly cut: boolean;
}

export interface Records extends HashedFile {
  /** Where each record begins, in bytes. */
  readonly offsets: readonly number[];
}

/** Records for whose hashes there is room at once; for more it grows. */
const MANY = 1 << 17;

/** What of a file is read, at most. */
interface Limits {
  readonly bytes: number;
  readonly records: number;
}

/**
 * Splits a batch file into records and hashes each. A record of any length takes no more memory than
 * a short one.
 */
export async function hashFileRecords(
  file: StoredFile,
  limits: Limits,
  pace: Pace,
  places: Pick<ExpectedRecords, "starts" | "digests"> & { readonly room?: Buffer } = {},
): Promise<HashedFile> {
  const bytes = Math.min(limits.bytes, file.size);
  const records = Math.min(limits.records, bytes, MANY);
  const { starts, digests } = places;
  const hasher = recordHasher({ records, most: limits.records, starts, digests });
  const room = places.room ?? Buffer.allocUnsafe(Math.min(BLOCK, Math.max(1, bytes)));
  let position = 0;
  while (position < limits.bytes && hasher.count() < limits.records) {
    await pace();
    const read = await file.read(room.subarray(0, Math.min(room.length, limits.bytes - position)), position);
    if (read === 0) break;
    position += hasher.take(room.subarray(0, read));
  }
  const { hashes, terminated } = hasher.end();
  return { hashes, terminated, count: hasher.count(), end: position, cut: position < file.size };
}

/** The same, with where each record begins: reads at most `maxBytes` and keeps at most `maxRecords`. */
export async function readRecords(
  file: StoredFile,
  maxBytes: number,
  maxRecords: number,
  pace: Pace,
): Promise<Records> {
  const offsets: number[] = [];
  const limits = { bytes: maxBytes, records: maxRecords };
  const hashed = await hashFileRecords(file, limits, pace, { starts: offsets });
  return { ...hashed, offsets };
}

/** Bytes that are read at once where the whole file is hashed: half of what a processor keeps closest by. */
export const READ = 1 << 18;

/** How far into a page it is fast to read to, and more. */
const MARGIN = 64;

/**
 * Memory to read into. That much from malloc(3) begins 16 bytes into a page, and AMD's Zen 3 and 4 copy a page
 * to there six times as slowly (`rep movsb`, sourceware.org bug 30994): reading and hashing takes half as long again.
 */
export function roomToRead(length: number): Buffer {
  return Buffer.allocUnsafe(length + MARGIN).subarray(MARGIN);
}

/** Bytes that take a millisecond: more often others need no turn. */
const STRIDE = 1 << 20;

/**
 * The hex SHA-256 of the first `length` bytes of a file, and how many there were.
 * @param chunk room to read into: new memory for each file costs as much as a tenth of its hash
 */
export async function hashOfFile(
  file: StoredFile,
  length: number,
  pace: Pace,
  chunk: Buffer = roomToRead(Math.min(READ, Math.max(1, length))),
): Promise<{ readonly sha256: string; readonly bytes: number }> {
  if (length <= chunk.length) {
    await pace();
    const bytes = await file.read(chunk.subarray(0, length), 0);
    // in one shot: a third of the time that it takes to make a hash of a small file by and by
    return { sha256: hash("sha256", chunk.subarray(0, bytes)), bytes };
  }
  const digest = createHash("sha256");
  let position = 0;
  for (let read = -1; read !== 0 && position < length;) {
    await pace();
    const end = Math.min(length, position + STRIDE);
    while (read !== 0 && position < end) {
      const into = end - position < chunk.length ? chunk.subarray(0, end - position) : chunk;
      const answer = file.read(into, position);
      // a local file answers at once: to wait for that a thousand times takes as long as to read a batch
      read = typeof answer === "number" ? answer : await answer;
      digest.update(read < into.length ? into.subarray(0, read) : into);
      position += read;
    }
  }
  return { sha256: digest.digest("hex"), bytes: position };
}
