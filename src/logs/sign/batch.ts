import { createHash } from "node:crypto";
import { hashLeaves, NEWLINE } from "../records.ts";
import type { Batch } from "./publish.ts";
import { WORD } from "./lines.ts";
import { type HashRange, joinRanges, RANGE, type RangeHashes, sharedBuffer } from "./ranges.ts";

/** A batch holds no more bytes than this, whatever its records: it is kept in memory until it is signed. */
export const MAX_BATCH_BYTES = 64 << 20;

/** A batch that takes lines in. */
export interface OpenBatch {
  /** Records so far. */
  readonly records: number;
  /** Whether it takes no more: too many records, too many bytes, or a last line without a newline. */
  readonly full: boolean;
  /** Takes as many whole lines as fit; gives what it took. */
  add(lines: Buffer, now: number): Taken;
  /**
   * The batch, whose bytes are valid until the next but one is closed; then it is empty again.
   * @param now milliseconds since the epoch
   * @param closed when the batch before it was closed, in seconds: time never goes back in a log
   */
  close(now: number, closed: number): Promise<Batch>;
}

interface Taken {
  readonly bytes: number;
  readonly lines: number;
}

/** @param hashRange is begun with while the batch is still open */
export function openBatch(maxRecords: number, hashRange: HashRange): OpenBatch {
  let [buffer, spare] = [sharedBuffer(2 << 20), sharedBuffer(0)];
  /** Its bytes in the buffer: aligned like the lines that they are copied from. */
  let [start, end] = [0, 0];
  let [records, full] = [0, false];
  let digest = createHash("sha256");
  let opened: number | undefined;
  /** Of the whole ranges, and where the lines of the next begin. */
  let ranges: Promise<RangeHashes>[] = [];
  let ranged = 0;

  const reserve = (length: number): void => {
    if (end + length <= buffer.length) return;
    const larger = sharedBuffer(Math.max(2 * buffer.length, end + length));
    larger.set(buffer.subarray(start, end), start);
    buffer = larger;
  };

  /** Takes lines up to the next range. */
  const take = (lines: Buffer): Taken => {
    const room = Math.min(maxRecords - records, RANGE - (records % RANGE));
    const taken = fitting(lines, room, MAX_BATCH_BYTES - (end - start));
    reserve(taken.bytes);
    lines.copy(buffer, end, 0, taken.bytes);
    end += taken.bytes;
    records += taken.lines;
    if (taken.lines > 0 && records % RANGE === 0) {
      ranges.push(begun(hashRange, buffer.subarray(ranged, end)));
      ranged = end;
    }
    return taken;
  };

  return {
    get records() {
      return records;
    },
    get full() {
      return full;
    },
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
      full = records >= maxRecords || bytes < lines.length || (end > start && buffer[end - 1] !== NEWLINE);
      return { bytes, lines: count };
    },
    async close(now, closed) {
      const from = Math.max(closed, Math.floor((opened ?? now) / 1000));
      const to = Math.max(from, Math.floor(now / 1000));
      const data = buffer.subarray(start, end);
      const rest = hashLeaves(buffer.subarray(ranged, end), records % RANGE);
      const hashed = joinRanges(await Promise.all(ranges), rest);
      const batch = { ...hashed, records, sha256: digest.digest("hex"), data, from, to };
      [buffer, spare] = [spare, buffer];
      [start, end, records, full, opened] = [0, 0, 0, false, undefined];
      [ranges, ranged, digest] = [[], 0, createHash("sha256")];
      return batch;
    },
  };
}

/** A fault is met when the batch is closed. */
function begun(hashRange: HashRange, lines: Buffer): Promise<RangeHashes> {
  const hashes = Promise.resolve(hashRange(lines));
  hashes.catch(() => undefined);
  return hashes;
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
