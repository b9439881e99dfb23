import { dirname } from "node:path";
import { FleetsecError } from "../../errors.ts";
import { type Checkpoint, parseCheckpoint } from "../checkpoint.ts";
import { batchPath, CHECKPOINT, checkpointPath } from "../layout.ts";
import { parseLeaf } from "../leaf.ts";
import type { LogStore } from "../store.ts";
import { bundlePath, parseBundle, TILE_WIDTH } from "../tiles.ts";
import { MAX_BUNDLE } from "../verify/bundle.ts";
import { MAX_BATCH_BYTES } from "./batch.ts";
import { batchOf, readPending } from "./pending.ts";
import {
  type Batch,
  pendingPath,
  publishBatch,
  publishCheckpoint,
  removePartials,
  removeUnsigned,
  type SignedLog,
} from "./publish.ts";
import { requireUnretired } from "./retired-keys.ts";
import { type InputPosition, readState } from "./state.ts";
import { emptyTail, type LogTail, readCheckpoint, readTail } from "./tail.ts";

export interface Resumed {
  readonly tail: LogTail;
  readonly inputs: readonly InputPosition[];
  /** The batch that an earlier run had not brought to its end, and that is published now. */
  readonly ended?: number;
  /** Whether another signer had begun with it. */
  readonly takenOver?: boolean;
}

/**
 * Opens the log where its last signer left it: publishes what that had committed itself to, and
 * removes what it had only begun to write, or ends it where nothing can be removed.
 * @param anew whether to go on without the state where that is lost, and with what another signer began
 * @param now milliseconds since the epoch
 * @throws FleetsecError `state` where store and state do not belong together, `refused` where the
 *   log is another key's
 */
export async function resume(log: SignedLog, anew: boolean, now: number): Promise<Resumed> {
  const { files, store, statePath, signers } = log;
  const published = await ownCheckpoint(log);
  const state = readState(files, statePath);
  if (state === undefined && published !== undefined && !anew) throw stateLost(statePath);
  const committed = state === undefined ? undefined : parseCheckpoint(state.text);
  if (committed !== undefined) requireTogether(log, committed, published);
  const checkpoint = committed ?? published ?? emptyTail(signers[0].key.name).checkpoint;
  // before anything is signed: the tiles must lead to the root
  const tail = await readTail(store, checkpoint);
  files.removeTemporaries(dirname(statePath));
  for (const path of [CHECKPOINT, checkpointPath(checkpoint.size)]) await store.cleaning?.sweep(path);
  const isBehind = state !== undefined && committed?.size !== published?.size;
  if (isBehind) await publishCheckpoint(log, state);
  await removePartials(store, checkpoint.size);
  await removeUnsigned(store, checkpoint.size);
  const ended = isBehind ? { ended: checkpoint.size - 1 } : {};
  const resumed = { tail, inputs: state?.inputs ?? [], ...ended };
  return store.cleaning === undefined ? endBegun(log, resumed, anew, now) : resumed;
}

/** The newest checkpoint. A key that it is not signed with may be one that was retired: then that is said. */
async function ownCheckpoint(log: SignedLog): Promise<Checkpoint | undefined> {
  try {
    return await readCheckpoint(log.store, log.signers[0]);
  } catch (error) {
    if (error instanceof FleetsecError && error.code === "refused") await requireUnretired(log);
    throw error;
  }
}

/** Signs the batch that was begun, where one was: our own, or with `anew` another signer's. */
async function endBegun(log: SignedLog, resumed: Resumed, anew: boolean, now: number): Promise<Resumed> {
  const { tail, inputs } = resumed;
  const { size } = tail.checkpoint;
  const pending = readPending(log.files, pendingPath(log));
  if (pending !== undefined && pending.seq === size) {
    const published = await publishBatch(log, tail, pending.batch, pending.inputs);
    return { tail: published, inputs: pending.inputs, ended: size };
  }
  // it is signed
  log.files.remove(pendingPath(log));
  const begun = anew ? await begunBatch(log.store, tail, now) : undefined;
  if (begun === undefined) return resumed;
  return { tail: await publishBatch(log, tail, begun, inputs), inputs, ended: size, takenOver: true };
}

/** What another signer left of the next batch; its leaf says when that was, where it got so far. */
async function begunBatch(
  store: LogStore,
  { checkpoint, closed }: LogTail,
  now: number,
): Promise<Batch | undefined> {
  const { size } = checkpoint;
  const data = await store.read(batchPath(size), MAX_BATCH_BYTES);
  if (data === undefined) return undefined;
  const width = (size % TILE_WIDTH) + 1;
  const bundle = await store.read(bundlePath(Math.floor(size / TILE_WIDTH), width), MAX_BUNDLE);
  if (bundle !== undefined) {
    const { from, to } = parseLeaf(parseBundle(bundle, width).at(-1) as Uint8Array);
    return batchOf(data, from, to);
  }
  const time = Math.max(closed, Math.floor(now / 1000));
  return batchOf(data, time, time);
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
      hint:
        log.store.cleaning === undefined
          ? "another signer wrote to it, or the store was put back: go on where that signer's state is, or with --new-input and a new --state"
          : "the store was put back, removed or replaced: bring back the newest one, or sign a new log under another origin",
    },
  );
}
