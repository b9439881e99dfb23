import type { Files } from "../../platform/files.ts";
import type { ThreadPool } from "../../platform/threads.ts";
import { checkpointPath } from "../layout.ts";
import { HASH_SIZE } from "../merkle.ts";
import { MAX_NOTE_SIZE } from "../note.ts";
import type { StoredCheckpoint } from "./history.ts";
import { openCheckpoint } from "./signed-checkpoint.ts";
import { directoryReader } from "./store.ts";
import type { Trust } from "./trust.ts";
import { unlessLost } from "./unless-lost.ts";

/** What a thread of the task `open-checkpoints` is given. Plain data, and keys. */
export interface OpenTask {
  /** The store's directory, absolute. */
  readonly store: string;
  readonly trust: Pick<Trust, "logs" | "witnesses">;
  /** Whose checkpoints they should be. */
  readonly origin: string;
  readonly sizes: readonly number[];
}

/** What it finds: of each size, the root and who signed it. */
export interface OpenAnswer {
  /** One after the other. */
  readonly roots: Uint8Array;
  /** Indexes of the log's keys; undefined where there is anything to report, or it cannot be read. */
  readonly signers: readonly (readonly number[] | undefined)[];
}

/** Reads checkpoints and verifies their signatures. What is not as it should be is left to the caller. */
export function openTask(files: Files): (task: OpenTask) => Promise<OpenAnswer> {
  return async ({ store, trust, origin, sizes }) => {
    const reader = directoryReader(files, store);
    const roots = Buffer.alloc(sizes.length * HASH_SIZE);
    const signers: (readonly number[] | undefined)[] = [];
    for (const [i, size] of sizes.entries()) {
      const bytes = await reader.read(checkpointPath(size), MAX_NOTE_SIZE);
      const opened = bytes === undefined ? undefined : openCheckpoint(bytes, trust);
      const isSound =
        opened !== undefined &&
        !("code" in opened) &&
        opened.outOfRange.length === 0 &&
        opened.highS.length === 0 &&
        opened.origin === origin &&
        opened.size === size;
      signers.push(
        isSound ? opened.keys.map((key) => trust.logs.findIndex((log) => log === key)) : undefined,
      );
      if (isSound) roots.set(opened.root, i * HASH_SIZE);
    }
    return { roots, signers };
  };
}

/** Opens the checkpoints of those sizes; undefined for each that the caller must look at itself. */
export type OpenMany = (
  sizes: readonly number[],
  origin: string,
) => Promise<readonly (StoredCheckpoint | undefined)[]>;

/** On other threads: a signature takes as long to verify as all else about a small batch. */
export function openOnThreads(
  pool: Pick<ThreadPool, "run" | "canRun">,
  store: string,
  trust: Trust,
): OpenMany {
  const { logs, witnesses } = trust;
  return async (sizes, origin) => {
    if (!pool.canRun()) return sizes.map(() => undefined);
    const task: OpenTask = { store, trust: { logs, witnesses }, origin, sizes };
    const nothing: OpenAnswer = { roots: Buffer.of(), signers: [] };
    const { roots: bytes, signers } = await unlessLost(pool.run(task) as Promise<OpenAnswer>, nothing);
    const roots = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    return sizes.map((size, i) => {
      const keys = signers[i]?.map((index) => logs[index]).filter((key) => key !== undefined);
      if (keys === undefined) return undefined;
      const root = roots.subarray(i * HASH_SIZE, (i + 1) * HASH_SIZE);
      return { size, root, path: checkpointPath(size), keys };
    });
  };
}
