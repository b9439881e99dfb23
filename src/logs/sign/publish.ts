import { dirname } from "node:path";
import { FleetsecError } from "../../errors.ts";
import type { Files } from "../../platform/files.ts";
import { type Checkpoint, formatCheckpoint, parseCheckpoint } from "../checkpoint.ts";
import { batchPath, CHECKPOINT, checkpointPath, hashesPath } from "../layout.ts";
import { MAX_NOTE_SIZE, parseNote } from "../note.ts";
import type { HashedRecords } from "../records.ts";
import { type LogSigner, signNote } from "../signer.ts";
import type { LogStore } from "../store.ts";
import { bundlePath, levelSize, TILE_WIDTH, tilePath, tilesOf } from "../tiles.ts";
import { signatureBy, verifySignature } from "../verifier-key.ts";
import { type InputPosition, readState, type SignerState, writeState } from "./state.ts";
import { emptyTail, grow, type LogTail, readCheckpoint, readTail } from "./tail.ts";

/** A log that is open for signing. */
export interface SignedLog {
  readonly files: Files;
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
 * 1. batch and hashes, 2. bundle and tiles: nothing refers to them yet;
 * 3. the signer's state: from here on the batch counts, and its checkpoint is settled;
 * 4. the checkpoint under its size, 5. the newest checkpoint.
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
  try {
    await log.store.create(batchPath(seq), data);
    await log.store.create(hashesPath(seq), hashes);
    for (const { path, data: bytes } of growth.files) await log.store.create(path, bytes);
    writeState(log.files, log.statePath, state);
  } catch (error) {
    // a full disk, say: unless the state was written after all, the batch was never signed
    if (readState(log.files, log.statePath)?.text !== state.text) await removeUnsigned(log.store, seq);
    throw error;
  }
  await publishCheckpoint(log, state);
  return growth.tail;
}

/** Removes what belongs to the batch after the newest one that is signed. */
async function removeUnsigned(store: LogStore, seq: number): Promise<void> {
  const bundle = bundlePath(Math.floor(seq / TILE_WIDTH), (seq % TILE_WIDTH) + 1);
  const tiles = [...tilesOf(seq + 1, seq)].map(tilePath);
  for (const path of [batchPath(seq), hashesPath(seq), bundle, ...tiles]) {
    await store.sweep(path);
    await store.remove(path);
  }
}

/** Signs the state's checkpoint and puts it into the store, or goes on where that was interrupted. */
async function publishCheckpoint(log: SignedLog, { text }: SignerState): Promise<void> {
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
async function removePartials(store: LogStore, size: number): Promise<void> {
  for (let level = 0; levelSize(level, size) % TILE_WIDTH === 0; level += 1) {
    const index = levelSize(level, size) / TILE_WIDTH - 1;
    if (index < 0) return;
    await store.remove(`${tilePath({ level, index, width: TILE_WIDTH })}.p`);
    if (level === 0) await store.remove(`${bundlePath(index, TILE_WIDTH)}.p`);
  }
}

/**
 * Opens the log where its last signer left it: publishes what that had committed itself to, and
 * removes what it had only begun to write.
 * @param anew whether to go on without the state where that is lost
 * @throws FleetsecError `state` where store and state do not belong together, `refused` where the
 *   log is another key's
 */
export async function resume(
  log: SignedLog,
  anew: boolean,
): Promise<{ readonly tail: LogTail; readonly inputs: readonly InputPosition[] }> {
  const { files, store, statePath, signers } = log;
  const published = await readCheckpoint(store, signers[0]);
  const state = readState(files, statePath);
  if (state === undefined && published !== undefined && !anew) throw stateLost(statePath);
  const committed = state === undefined ? undefined : parseCheckpoint(state.text);
  if (committed !== undefined) requireTogether(log, committed, published);
  const checkpoint = committed ?? published ?? emptyTail(signers[0].key.name).checkpoint;
  // before anything is signed: the tiles must lead to the root
  const tail = await readTail(store, checkpoint);
  files.removeTemporaries(dirname(statePath));
  for (const path of [CHECKPOINT, checkpointPath(checkpoint.size)]) await store.sweep(path);
  if (state !== undefined && committed?.size !== published?.size) await publishCheckpoint(log, state);
  await removePartials(store, checkpoint.size);
  await removeUnsigned(store, checkpoint.size);
  return { tail, inputs: state?.inputs ?? [] };
}

function stateLost(path: string): FleetsecError {
  return new FleetsecError("state", `${path} is missing: how far the inputs are signed is not known`, {
    hint: "bring it back, or sign inputs of which nothing is in this log yet with --new-input",
  });
}

/** The state is of this log, and the store is where the state left it or one step behind. */
function requireTogether(log: SignedLog, committed: Checkpoint, published: Checkpoint | undefined): void {
  const { name } = log.signers[0].key;
  const size = published?.size ?? 0;
  const fits =
    committed.origin === name &&
    (committed.size === size + 1 ||
      (committed.size === size && Buffer.compare(committed.root, published?.root ?? Buffer.of()) === 0));
  if (fits) return;
  throw new FleetsecError(
    "state",
    `the store is at size ${size}, and ${log.statePath} at size ${committed.size} of ${committed.origin}`,
    {
      hint: "the store was put back, removed or replaced: bring back the newest one, or sign a new log under another origin",
    },
  );
}
