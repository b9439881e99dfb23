import { createHash } from "node:crypto";
import { HASH_SIZE } from "../merkle.ts";
import { NEWLINE } from "../records.ts";
import type { Batch } from "./publish.ts";
import { WORD } from "./lines.ts";
import { type HashRange, joinRanges, type Range, RANGE, sharedBuffer } from "./ranges.ts";

/** A batch holds no more bytes than this, whatever its records: it is kept in memory until it is signed. */
export const MAX_BATCH_BYTES = 64 << 20;

/** A batch that takes lines in. */
export interface OpenBatch {
  /** Records so far. */
  readonly records: number;
  /** Bytes so far. */
  readonly bytes: number;
  /** Those after the first `from` bytes. */
  since(from: number): Buffer;
  /** SHA-256 of all of them. */
  sha256(): Buffer;
  /** Whether it takes no more: too many records, too many bytes, or a last line without a newline. */
  readonly full: boolean;
  /** Takes as many whole lines as fit; gives what it took. */
  add(lines: Buffer, now: number): Taken;
  /**
   * The batch; then it is empty again. Its bytes are valid until the next but one is closed.
   * @param now milliseconds since the epoch
   * @param closed when the batch before it was closed, in seconds: time never goes back in a log
   * @returns once it is hashed; lines of the next may be taken before
   */
  close(now: number, closed: number): Promise<Batch>;
}

export interface Taken {
  readonly bytes: number;
  readonly lines: number;
}

/** @param hashRange is begun with while the batch is still open */
export function openBatch(maxRecords: number, hashRange: HashRange): OpenBatch {
  let memory = batchMemory(maxRecords);
  let spare: BatchMemory | undefined;
  /** Its bytes in the memory: aligned like the lines that they are copied from. */
  let [start, end] = [0, 0];
  let [records, full] = [0, false];
  let digest = createHash("sha256");
  let opened: number | undefined;
  /** Of the ranges that are begun with, and where the lines of the next begin. */
  let roots: Promise<Uint8Array>[] = [];
  let ranged = 0;

  /** Has the lines since the last range hashed. */
  const closeRange = (): void => {
    const from = Math.max(0, Math.ceil(records / RANGE) - 1) * RANGE;
    const hashes = memory.hashes.subarray(from * HASH_SIZE, records * HASH_SIZE);
    roots.push(begun(hashRange, { lines: memory.lines.subarray(ranged, end), hashes }));
    ranged = end;
  };

  /** Takes lines up to the next range. */
  const take = (lines: Buffer): Taken => {
    const room = Math.min(maxRecords - records, RANGE - (records % RANGE));
    const taken = fitting(lines, room, MAX_BATCH_BYTES - (end - start));
    lines.copy(memory.lines, end, 0, taken.bytes);
    end += taken.bytes;
    records += taken.lines;
    if (taken.lines > 0 && records % RANGE === 0) closeRange();
    return taken;
  };

  return {
    get records() {
      return records;
    },
    get bytes() {
      return end - start;
    },
    get full() {
      return full;
    },
    since: (from) => memory.lines.subarray(start + from, end),
    sha256: () => digest.copy().digest(),
    add(lines, now) {
      let [bytes, count] = [0, 0];
      if (end === start) start = end = ranged = lines.byteOffset % WORD;
      while (bytes < lines.length) {
        const taken = take(lines.subarray(bytes));
        if (taken.lines === 0) break;
        bytes += taken.bytes;
        count += taken.lines;
      }
      digest.update(lines.subarray(0, bytes));
      if (count > 0) opened ??= now;
      full =
        records >= maxRecords || bytes < lines.length || (end > start && memory.lines[end - 1] !== NEWLINE);
      return { bytes, lines: count };
    },
    async close(now, closed) {
      const from = Math.max(closed, Math.floor((opened ?? now) / 1000));
      const to = Math.max(from, Math.floor(now / 1000));
      if (records % RANGE > 0) closeRange();
      const data = memory.lines.subarray(start, end);
      const hashes = memory.hashes.subarray(0, records * HASH_SIZE);
      const whole = Math.floor(records / RANGE);
      const batch = { records, sha256: digest.digest("hex"), data, hashes, from, to };
      const hashed = Promise.all(roots);
      [memory, spare] = [spare ?? batchMemory(maxRecords), memory];
      [start, end, records, full, opened] = [0, 0, 0, false, undefined];
      [roots, ranged, digest] = [[], 0, createHash("sha256")];
      const root = joinRanges((await hashed).slice(0, whole), hashes.subarray(whole * RANGE * HASH_SIZE));
      return { ...batch, root };
    },
  };
}

/** Room for the largest batch. What is not used of it is not taken from the system. */
interface BatchMemory {
  readonly lines: Buffer;
  readonly hashes: Buffer;
}

function batchMemory(maxRecords: number): BatchMemory {
  return {
    lines: sharedBuffer(MAX_BATCH_BYTES + WORD),
    // a record has a byte or more
    hashes: sharedBuffer(Math.min(maxRecords, MAX_BATCH_BYTES) * HASH_SIZE),
  };
}

/** A fault is met when the batch is closed. */
function begun(hashRange: HashRange, range: Range): Promise<Uint8Array> {
  const root = Promise.resolve(hashRange(range));
  root.catch(() => undefined);
  return root;
}

/** How many lines, and bytes, of `lines` fit into so many records and bytes. */
function fitting(lines: Buffer, maxLines: number, maxBytes: number): Taken {
  let [bytes, count] = [0, 0];
  while (count < maxLines && bytes < lines.length) {
    const newline = lines.indexOf(NEWLINE, bytes);
    const next = newline < 0 ? lines.length : newline + 1;
    if (next > maxBytes) break;
    bytes = next;
    count += 1;
  }
  return { bytes, lines: count };
}
