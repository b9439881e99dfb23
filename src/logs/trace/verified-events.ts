import { createHash } from "node:crypto";
import { batchPath } from "../layout.ts";
import type { BatchLeaf } from "../leaf.ts";
import { type Event, lintRecord } from "../lint/event.ts";
import { recordsWith } from "../search.ts";
import { MAX_RECORD } from "../sign/lines.ts";
import type { Pace } from "../verify/pace.ts";
import type { StoredFile, StoreReader } from "../verify/store.ts";

/** An event of a verified batch. */
export interface TracedEvent {
  /** The batch. */
  readonly seq: number;
  /** Of the record in the batch file, from 1. */
  readonly line: number;
  readonly event: Event;
}

const ALL = Buffer.alloc(0);
const BACKSLASH = 0x5c;

/**
 * The events of a batch that are wanted. The batch is hashed as it is read: what it became since it
 * was verified is not believed.
 * @param needle that wanted records contain as it is, or with escapes
 * @returns undefined where the batch is not the signed one any more
 */
export async function eventsIn(
  reader: StoreReader,
  leaf: BatchLeaf,
  needle: Buffer,
  wanted: (event: Event) => boolean,
  pace: Pace,
): Promise<TracedEvent[] | undefined> {
  return reader.withFile(batchPath(leaf.seq), async (file) => {
    const hash = createHash("sha256");
    const events: TracedEvent[] = [];
    let seen = 0;
    for await (const { line, bytes } of recordsWith(hashed(file, leaf.bytes, hash), ALL, MAX_RECORD)) {
      seen += 1;
      if (seen % 10_000 === 0) await pace();
      if (!bytes.includes(needle) && !bytes.includes(BACKSLASH)) continue;
      const { event } = lintRecord(bytes);
      if (event !== undefined && wanted(event)) events.push({ seq: leaf.seq, line, event });
    }
    return hash.digest("hex") === leaf.sha256 ? events : undefined;
  });
}

/** The first `length` bytes of a file that is read from its beginning on, and their hash. */
function hashed(file: StoredFile, length: number, hash: ReturnType<typeof createHash>): StoredFile {
  return {
    ...file,
    async read(into, position) {
      const read = await file.read(
        into.subarray(0, Math.max(0, Math.min(into.length, length - position))),
        position,
      );
      hash.update(into.subarray(0, read));
      return read;
    },
  };
}
