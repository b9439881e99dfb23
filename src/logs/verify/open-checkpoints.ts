import type { Files } from "../../platform/files.ts";
import type { ThreadPool } from "../../platform/threads.ts";
import { checkpointPath } from "../layout.ts";
import { HASH_SIZE } from "../merkle.ts";
import { MAX_NOTE_SIZE } from "../note.ts";
import type { StoredCheckpoint } from "./history.ts";
import { parseSigned, verifyCheckpoint } from "./signed-checkpoint.ts";
import { directoryReader, type StoreReader } from "./store.ts";
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

/** So many bytes of notes are read before their signatures are verified, and the note that goes beyond them. */
const READ_AHEAD = 1 << 18;

/**
 * Reads checkpoints and verifies their signatures. What is not as it should be is left to the caller.
 * Many are read first: a signature's arithmetic fills the processor's caches, and a file that is read
 * right after it takes three times as long.
 */
export function openTask(files: Files): (task: OpenTask) => Promise<OpenAnswer> {
  return async ({ store, trust, origin, sizes }) => {
    const reader = directoryReader(files, store);
    const roots = Buffer.alloc(sizes.length * HASH_SIZE);
    const signers: (readonly number[] | undefined)[] = [];
    while (signers.length < sizes.length) {
      for (const parsed of await readSome(reader, sizes.slice(signers.length))) {
        const at = signers.length;
        const opened = parsed === undefined ? undefined : verifyCheckpoint(parsed, trust);
        const isSound =
          opened !== undefined &&
          !("code" in opened) &&
          opened.outOfRange.length === 0 &&
          opened.highS.length === 0 &&
          opened.origin === origin &&
          opened.size === sizes[at];
        signers.push(
          isSound ? opened.keys.map((key) => trust.logs.findIndex((log) => log === key)) : undefined,
        );
        if (isSound) roots.set(opened.root, at * HASH_SIZE);
      }
    }
    return { roots, signers };
  };
}

/** The first of those checkpoints, at least one; undefined for each that cannot be read. */
async function readSome(
  reader: StoreReader,
  sizes: readonly number[],
): Promise<readonly (ReturnType<typeof parseSigned> | undefined)[]> {
  const notes: (Buffer | undefined)[] = [];
  let length = 0;
  for (const size of sizes) {
    const bytes = await reader.read(checkpointPath(size), MAX_NOTE_SIZE);
    notes.push(bytes);
    length += bytes?.length ?? 0;
    if (length > READ_AHEAD) break;
  }
  return notes.map((bytes) => (bytes === undefined ? undefined : parseSigned(bytes)));
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
    const { roots: bytes, signers } = await unlessLost(pool.run(task) as Promise<OpenAnswer>, () => nothing);
    const roots = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    return sizes.map((size, i) => {
      const keys = signers[i]?.map((index) => logs[index]).filter((key) => key !== undefined);
      if (keys === undefined) return undefined;
      const root = roots.subarray(i * HASH_SIZE, (i + 1) * HASH_SIZE);
      return { size, root, path: checkpointPath(size), keys };
    });
  };
}
