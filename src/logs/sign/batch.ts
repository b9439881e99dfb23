import { hashRecords, NEWLINE } from "../records.ts";
import type { Batch } from "./publish.ts";

/** A batch holds no more bytes than this, whatever its records: it is kept in memory until it is signed. */
export const MAX_BATCH_BYTES = 64 << 20;

/** A batch that takes lines in. */
export interface OpenBatch {
  /** Records so far. */
  readonly records: number;
  /** Whether it takes no more: too many records, too many bytes, or a last line without a newline. */
  readonly full: boolean;
  /** Takes as many whole lines as fit; gives what it took. */
  add(lines: Buffer, now: number): { readonly bytes: number; readonly lines: number };
  /**
   * The batch, whose bytes are valid until the next `add`; then it is empty again.
   * @param now milliseconds since the epoch
   * @param closed when the batch before it was closed, in seconds: time never goes back in a log
   */
  close(now: number, closed: number): Batch;
}

export function openBatch(maxRecords: number): OpenBatch {
  let buffer = Buffer.allocUnsafe(2 << 20);
  let [end, records, full] = [0, 0, false];
  let opened: number | undefined;

  const reserve = (length: number): void => {
    if (end + length <= buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * buffer.length, end + length));
    buffer.copy(larger, 0, 0, end);
    buffer = larger;
  };

  return {
    get records() {
      return records;
    },
    get full() {
      return full;
    },
    add(lines, now) {
      const taken = fitting(lines, maxRecords - records, MAX_BATCH_BYTES - end);
      reserve(taken.bytes);
      lines.copy(buffer, end, 0, taken.bytes);
      end += taken.bytes;
      records += taken.lines;
      if (taken.lines > 0) opened ??= now;
      full = records >= maxRecords || taken.bytes < lines.length || (end > 0 && buffer[end - 1] !== NEWLINE);
      return taken;
    },
    close(now, closed) {
      const from = Math.max(closed, Math.floor((opened ?? now) / 1000));
      const to = Math.max(from, Math.floor(now / 1000));
      const data = buffer.subarray(0, end);
      const batch = { ...hashRecords(data), data, from, to };
      [end, records, full, opened] = [0, 0, false, undefined];
      return batch;
    },
  };
}

/** How many lines, and bytes, of `lines` fit into so many records and bytes. */
function fitting(lines: Buffer, maxLines: number, maxBytes: number): { bytes: number; lines: number } {
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
