import { FleetsecError } from "../../errors.ts";
import { type Checkpoint, parseCheckpoint } from "../checkpoint.ts";
import { batchPath, CHECKPOINT, checkpointPath } from "../layout.ts";
import { type BatchLeaf, parseLeaf } from "../leaf.ts";
import { HASH_SIZE, leafHash, rootOf } from "../merkle.ts";
import { consistencyProof, inclusionProof, verifyConsistency, verifyInclusion } from "../merkle-proof.ts";
import { MAX_NOTE_SIZE, parseNote } from "../note.ts";
import { recordsWith } from "../search.ts";
import { type AskRoots, withRangeRoots } from "../store-tree.ts";
import { bundlePath, parseBundle, type Tile, tilePath, TILE_WIDTH, tileWidth } from "../tiles.ts";
import { MAX_BUNDLE } from "../verify/bundle.ts";
import type { Pace } from "../verify/pace.ts";
import { readRecords } from "../verify/read-records.ts";
import type { StoreReader } from "../verify/store.ts";
import { formatConsistency } from "./consistency-file.ts";
import { formatOpening } from "./record-opening.ts";
import { formatTlogProof } from "./tlog-proof.ts";

/** Where a record stands: its batch, and its line there, from 1. */
export interface RecordPlace {
  readonly seq: number;
  readonly line: number;
}

/** Longest record that is proved or searched: `logs sign` takes no longer one. */
export const MAX_RECORD = 1 << 20;

/** A store at one of its checkpoints. */
export interface ProvableLog extends Checkpoint {
  readonly reader: StoreReader;
  readonly pace: Pace;
  /** The signed checkpoint. */
  readonly note: Buffer;
  /** The newest one's size: that of the tree that the tiles are of. */
  readonly newest: number;
  /** What `ask` makes of the roots over its leaves. */
  readonly roots: AskRoots;
}

/**
 * A store at its newest checkpoint, or at the one of `size`. No signature is verified: whoever
 * verifies the proof does that.
 * @throws FleetsecError `not-found`, `input`
 */
export async function openLog(reader: StoreReader, pace: Pace, size?: number): Promise<ProvableLog> {
  const newest = await readCheckpoint(reader, CHECKPOINT);
  const at = size === undefined ? newest : await readCheckpoint(reader, checkpointPath(size));
  if (at.size > newest.size) throw damaged(`checkpoint ${at.size} is beyond the newest one`);
  const readTile = async (tile: Tile) => {
    const hashes = await reader.read(tilePath(tile), TILE_WIDTH * HASH_SIZE);
    if (hashes?.length !== tile.width * HASH_SIZE) throw damaged(`${tilePath(tile)} is not there, or short`);
    return hashes;
  };
  return {
    ...at,
    reader,
    pace,
    newest: newest.size,
    roots: (ask) => withRangeRoots(newest.size, readTile, ask),
  };
}

async function readCheckpoint(
  reader: StoreReader,
  path: string,
): Promise<Checkpoint & { readonly note: Buffer }> {
  const note = await reader.read(path, MAX_NOTE_SIZE);
  if (note === undefined) {
    throw new FleetsecError("not-found", `the log has no ${path}`, {
      hint: "name the store that logs sign --store was given, and a size at which it signed a checkpoint",
    });
  }
  return { ...parseCheckpoint(parseNote(note).text), note };
}

/**
 * The file that proves that a record is in the log: C2SP tlog-proof, with what leads from the record
 * to the log's entry as its extra data. It is verified before it is given.
 * @throws FleetsecError `not-found` where there is no such record, `input` where the store is damaged
 */
export async function proveRecord(log: ProvableLog, { seq, line }: RecordPlace): Promise<Buffer> {
  if (seq >= log.size) {
    throw new FleetsecError(
      "not-found",
      `the log has no batch ${seq}: it has ${log.size} at that checkpoint`,
    );
  }
  const entry = await readEntry(log, seq);
  const leaf = parseLeaf(entry);
  if (line < 1 || line > leaf.records) {
    throw new FleetsecError("not-found", `batch ${seq} has no record ${line}: it has ${leaf.records}`);
  }
  const { record, hashes } = await readRecord(log, leaf, line);
  const inner = inclusionProof(line - 1, leaf.records, (from, to) => rootOf(hashes, from, to));
  const path = await log.roots((over) => inclusionProof(seq, log.size, over));
  if (!verifyInclusion(line - 1, leaf.records, inner, leafHash(record), leaf.root)) {
    throw damaged(`${batchPath(seq)} is not what its leaf says`);
  }
  if (!verifyInclusion(seq, log.size, path, leafHash(entry), log.root)) {
    throw damaged(`entry ${seq} and its tiles do not make the root of the checkpoint`);
  }
  const extra = formatOpening({ index: line - 1, path: inner, leaf: entry, record });
  return formatTlogProof({ extra, index: seq, path, checkpoint: log.note });
}

async function readEntry({ reader, newest }: ProvableLog, seq: number): Promise<Uint8Array> {
  const index = Math.floor(seq / TILE_WIDTH);
  const width = tileWidth(0, index, newest);
  const path = bundlePath(index, width);
  const bundle = await reader.read(path, MAX_BUNDLE);
  const entry = bundle === undefined ? undefined : parseBundle(bundle, width)[seq % TILE_WIDTH];
  if (entry === undefined) throw damaged(`${path} is not there`);
  return entry;
}

/** A batch's record, and the hashes of all of them. */
async function readRecord({ reader, pace }: ProvableLog, leaf: BatchLeaf, line: number) {
  const path = batchPath(leaf.seq);
  const found = await reader.withFile(path, async (file) => {
    const { hashes, offsets, terminated } = await readRecords(file, leaf.bytes, leaf.records, pace);
    const start = offsets[line - 1];
    if (start === undefined) return { fault: damaged(`${path} ends before record ${line}`) };
    // a newline ends it, but for the last one of an input
    const length = (offsets[line] ?? leaf.bytes + (terminated ? 0 : 1)) - start - 1;
    if (length > MAX_RECORD) return { fault: overlong(leaf.seq, line, length) };
    const record = Buffer.allocUnsafe(length);
    await file.read(record, start);
    return { record, hashes };
  });
  if (found === undefined) throw damaged(`${path} is not there`);
  // what is thrown over an open file counts as a file that cannot be read
  if ("fault" in found) throw found.fault;
  return found;
}

function overlong(seq: number, line: number, length: number): FleetsecError {
  return new FleetsecError(
    "input",
    `record ${line} of batch ${seq} has ${length} bytes: one of more than ${MAX_RECORD} is not proved`,
  );
}

/**
 * The file that proves that the log at its checkpoint extends what it was at size `old`.
 * @throws FleetsecError `usage` where that is not smaller, `input` where the store is damaged
 */
export async function proveConsistency(log: ProvableLog, old: number): Promise<Buffer> {
  if (old < 1 || old > log.size) {
    throw new FleetsecError("usage", `${old} is no size from 1 to ${log.size}`);
  }
  const { proof, oldRoot } = await log.roots((over) => ({
    proof: consistencyProof(old, log.size, over),
    oldRoot: over(0, old),
  }));
  if (!verifyConsistency(old, log.size, proof, oldRoot, log.root)) {
    throw damaged("its tiles do not make the root of the checkpoint");
  }
  return formatConsistency({ old, proof, checkpoint: log.note });
}

/**
 * Where the records with that `request_id` are, at most `max` of them, and how many were too long to be looked
 * at. Batches are searched as they stand; what a proof is made of is verified then.
 * @throws FleetsecError `input` where a batch is missing
 */
export async function findRequest(
  log: ProvableLog,
  requestId: string,
  max: number,
): Promise<{ readonly places: readonly RecordPlace[]; readonly tooLong: number }> {
  const needle = Buffer.from(JSON.stringify(requestId));
  const places: RecordPlace[] = [];
  let tooLong = 0;
  for (let seq = 0; seq < log.size && places.length < max; seq += 1) {
    const passedOver = await log.reader.withFile(batchPath(seq), async (file) => {
      const records = recordsWith(file, needle, MAX_RECORD);
      let next = await records.next();
      for (; next.done !== true; next = await records.next()) {
        await log.pace();
        const { line, bytes } = next.value;
        if (requestIdOf(bytes) === requestId && places.length < max) places.push({ seq, line });
      }
      return next.value.tooLong;
    });
    if (passedOver === undefined) throw damaged(`${batchPath(seq)} is not there`);
    tooLong += passedOver;
  }
  return { places, tooLong };
}

function requestIdOf(record: Buffer): unknown {
  try {
    const event = JSON.parse(record.toString("utf8")) as { readonly request_id?: unknown } | null;
    return event?.request_id;
  } catch {
    // a line that is no JSON is a record, but no event
    return undefined;
  }
}

function damaged(detail: string): FleetsecError {
  return new FleetsecError("input", `the log cannot be proved: ${detail}`, {
    hint: "fleetsec verify-logs says what is wrong with it",
  });
}
