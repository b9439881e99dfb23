import { NEWLINE } from "./records.ts";
import type { StoredFile } from "./verify/store.ts";

/** A record that was found in a batch file. */
export interface FoundRecord {
  /** 1-based. */
  readonly line: number;
  /** Without its newline. */
  readonly bytes: Buffer;
}

const BLOCK = 1 << 16;

/**
 * The records of a batch file that contain `needle`, in order. A record longer than `maxRecord` bytes
 * is passed over, and counted in what is returned: it may have contained it.
 */
export async function* recordsWith(
  file: StoredFile,
  needle: Buffer,
  maxRecord: number,
): AsyncGenerator<FoundRecord, { readonly tooLong: number }> {
  const buffer = Buffer.allocUnsafe(maxRecord + BLOCK);
  let [position, held, line, tooLong] = [0, 0, 0, 0];
  let skipping = false;
  for (;;) {
    const read = await file.read(buffer.subarray(held, held + BLOCK), position);
    position += read;
    const end = held + read;
    let start = 0;
    for (let lf = buffer.indexOf(NEWLINE, held); lf >= 0 && lf < end; lf = buffer.indexOf(NEWLINE, start)) {
      line += 1;
      const record = buffer.subarray(start, lf);
      if (!skipping && record.includes(needle)) yield { line, bytes: Buffer.from(record) };
      skipping = false;
      start = lf + 1;
    }
    held = end - start;
    buffer.copyWithin(0, start, end);
    if (read === 0) break;
    if (held > maxRecord) {
      if (!skipping) tooLong += 1;
      skipping = true;
    }
    if (skipping) held = 0;
  }
  const last = buffer.subarray(0, held);
  // after the last newline there is no record, not an empty one
  if (!skipping && held > 0 && last.includes(needle)) yield { line: line + 1, bytes: Buffer.from(last) };
  return { tooLong };
}
