import { dirname, join } from "node:path";
import { FleetsecError } from "../../errors.ts";
import type { Files } from "../../platform/files.ts";
import { formatCheckpoint, parseCheckpoint } from "../checkpoint.ts";
import { batchPath, CHECKPOINT, checkpointPath, hashesPath } from "../layout.ts";
import { MAX_NOTE_SIZE, parseNote } from "../note.ts";
import type { HashedRecords } from "../records.ts";
import { type LogSigner, signNote } from "../signer.ts";
import type { LogStore, WriteFile } from "../store.ts";
import { bundlePath, levelSize, TILE_WIDTH, tilePath, tilesOf } from "../tiles.ts";
import { signatureBy, verifySignature } from "../verifier-key.ts";
import { inParallel } from "../verify/in-parallel.ts";
import { writePending } from "./pending.ts";
import { type InputPosition, readState, type SignerState, writeState } from "./state.ts";
import { grow, type LogTail } from "./tail.ts";

/** A log that is open for signing. */
export interface SignedLog {
  readonly files: Files;
  /** Writes what the signer keeps for itself. */
  readonly write: WriteFile;
  readonly store: LogStore;
  /** The signer's state file. */
  readonly statePath: string;
  /** Every key that signs; the first one's name is the origin. */
  readonly signers: readonly [LogSigner, ...LogSigner[]];
}

/** A batch that is ready to be signed. */
export interface Batch extends HashedRecords {
  readonly data: Uint8Array;
  /** When it was opened and closed, in seconds since the epoch. */
  readonly from: number;
  readonly to: number;
}

/**
 * Adds a batch to the log and publishes the checkpoint over it. A kill between any two steps leaves
 * a log that `resume` brings to the same bytes, or to where it was before:
 *
 * 1. where nothing can be removed from the store, the batch beside the signer's state;
 * 2. the batch, 3. hashes and bundle, 4. tiles: nothing refers to them yet;
 * 5. the signer's state: from here on the batch counts, and its checkpoint is settled;
 * 6. the checkpoint under its size, 7. the newest checkpoint.
 *
 * A bundle stands only after its batch and before its tiles: whoever finds a part of this in the
 * store finds what the rest must be.
 */
export async function publishBatch(
  log: SignedLog,
  tail: LogTail,
  batch: Batch,
  inputs: readonly InputPosition[],
): Promise<LogTail> {
  const seq = tail.checkpoint.size;
  const { data, hashes, from, to, records, sha256, root } = batch;
  const growth = grow(tail, { from, to, records, bytes: data.length, sha256, root });
  const state = { text: formatCheckpoint(growth.tail.checkpoint), inputs };
  const { files, store, write } = log;
  const pending = pendingPath(log);
  if (store.cleaning === undefined) await writePending(write, pending, { seq, batch, inputs });
  try {
    await createBatch(log, seq, data);
    const [bundle, ...tiles] = growth.files;
    await createAll(store, [
      { path: hashesPath(seq), data: hashes },
      ...(bundle === undefined ? [] : [bundle]),
    ]);
    await createAll(store, tiles);
    await writeState(write, log.statePath, state);
  } catch (error) {
    // a full disk, say: unless the state was written after all, the batch was never signed
    if (readState(files, log.statePath)?.text !== state.text) await removeUnsigned(store, seq);
    throw error;
  }
  await publishCheckpoint(log, state);
  if (store.cleaning === undefined) files.remove(pending);
  return growth.tail;
}

/** Where a batch is kept until it is signed. */
export function pendingPath({ statePath }: SignedLog): string {
  return join(dirname(statePath), "pending-batch");
}

/** The first thing that is written of a batch: where another one is there, nothing of this one is. */
async function createBatch(log: SignedLog, seq: number, data: Uint8Array): Promise<void> {
  const { store, files } = log;
  try {
    await store.create(batchPath(seq), data);
  } catch (error) {
    if (!(error instanceof FleetsecError) || error.code !== "exists" || store.cleaning !== undefined)
      throw error;
    files.remove(pendingPath(log));
    throw new FleetsecError("refused", `${store.name} has another batch ${seq} already`, {
      hint: "another signer writes to this log, or was interrupted: where it is gone for good, --new-input takes its batch over",
      cause: error,
    });
  }
}

/** Objects that are written at once. */
const ABREAST = 8;

async function createAll(
  store: LogStore,
  objects: readonly { readonly path: string; readonly data: Uint8Array }[],
): Promise<void> {
  await inParallel(objects, ABREAST, async ({ path, data }) => store.create(path, data));
}

/** Removes what belongs to the batch after the newest one that is signed. */
export async function removeUnsigned({ cleaning }: LogStore, seq: number): Promise<void> {
  if (cleaning === undefined) return;
  const bundle = bundlePath(Math.floor(seq / TILE_WIDTH), (seq % TILE_WIDTH) + 1);
  const tiles = [...tilesOf(seq + 1, seq)].map(tilePath);
  for (const path of [batchPath(seq), hashesPath(seq), bundle, ...tiles]) {
    await cleaning.sweep(path);
    await cleaning.remove(path);
  }
}

/** Signs the state's checkpoint and puts it into the store, or goes on where that was interrupted. */
export async function publishCheckpoint(log: SignedLog, { text }: SignerState): Promise<void> {
  const { size } = parseCheckpoint(text);
  const path = checkpointPath(size);
  let note: string | Buffer | undefined = await log.store.read(path, MAX_NOTE_SIZE);
  if (note === undefined) {
    note = await signNote(text, log.signers);
    await log.store.create(path, note);
  } else {
    requireOwn(log.signers[0], note, text, path);
  }
  await log.store.replace(CHECKPOINT, note);
  await removePartials(log.store, size);
}

/** Never two roots at one size: a checkpoint that is there already must be the one that is due. */
function requireOwn({ key }: LogSigner, bytes: Uint8Array, text: string, path: string): void {
  const note = parseNote(bytes);
  const signature = signatureBy(key, note)?.signature;
  if (note.text === text && signature !== undefined && verifySignature(key, text, signature)) return;
  throw new FleetsecError("state", `${path} is there already and is another checkpoint than is due`, {
    hint: "another signer may have written it: run fleetsec verify-logs on the store",
  });
}

/** tlog-tiles: once a tile is full, its partial forms may go. They would grow to 10 MB for each. */
export async function removePartials({ cleaning }: LogStore, size: number): Promise<void> {
  if (cleaning === undefined) return;
  for (let level = 0; levelSize(level, size) % TILE_WIDTH === 0; level += 1) {
    const index = levelSize(level, size) / TILE_WIDTH - 1;
    if (index < 0) return;
    await cleaning.remove(`${tilePath({ level, index, width: TILE_WIDTH })}.p`);
    if (level === 0) await cleaning.remove(`${bundlePath(index, TILE_WIDTH)}.p`);
  }
}
