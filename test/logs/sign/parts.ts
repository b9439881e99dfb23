import { once } from "node:events";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { signerStatePath } from "../../../src/logs/layout.ts";
import { signLogs, type SignParts, type SignRequest, type SignResult } from "../../../src/logs/sign/sign.ts";
import { systemFiles } from "../../../src/platform/system-files.ts";
import { hashRange } from "../../../src/logs/sign/ranges.ts";
import { writeTask } from "../../../src/logs/sign/threads.ts";
import { systemLocks } from "../../../src/platform/lock.ts";
import type { Clock, TextSource } from "../../../src/platform/platform.ts";
import { inlineThreads } from "../../support/threads.ts";
import { type MemoryTree, memoryFiles } from "../../support/memory-files.ts";
import { modelSigner, readStore, recordsOf, type StoreFiles } from "../store-model.ts";

/** A Monday in November, in milliseconds since the epoch. */
export const START = 1_763_900_000_000;

/**
 * A clock that stands still until it is set. Sleeping for up to an hour sets it, once everything else
 * that can happen has happened; sleeping for longer lasts until it is aborted.
 */
export function stoppedClock(at = START): Clock & { set(ms: number): void } {
  let now = at;
  return {
    now: () => now,
    monotonic: () => now,
    async sleep(ms, signal) {
      signal?.throwIfAborted();
      await Promise.race([
        ms > 3_600_000 ? new Promise(() => {}) : setTimeout(20),
        once(signal ?? new AbortController().signal, "abort"),
      ]);
      signal?.throwIfAborted();
      now += ms;
    },
    set(ms) {
      now = ms;
    },
  };
}

/** Standard input that gives these chunks, one at a time. */
export function stdinOf(...chunks: readonly (string | Uint8Array)[]): TextSource {
  return {
    isTTY: false,
    close() {},
    async *[Symbol.asyncIterator]() {
      for (const chunk of chunks) yield Buffer.from(chunk);
    },
  };
}

/** A signer's parts over files in memory, where nobody else is. */
export function inMemory(tree: MemoryTree): Pick<SignParts, "files" | "locks"> {
  return { files: memoryFiles(tree), locks: { hold: async (_, work) => work() } };
}

/** The store in a directory of such files, to compare with a model. */
export function storeIn(tree: MemoryTree, directory: string): StoreFiles {
  const root = `${directory}/store/`;
  return new Map(
    [...tree]
      .filter(([path]) => path.startsWith(root))
      .map(([path, data]) => [path.slice(root.length), data]),
  );
}

/** What a signer works with, as it is unless told. */
export function signParts(overrides: Partial<SignParts> = {}): SignParts {
  const clock = overrides.clock ?? stoppedClock();
  const files = overrides.files ?? systemFiles;
  return {
    files,
    threads: inlineThreads({ "hash-range": hashRange as Task, "write-file": writeTask(files) as Task }),
    locks: systemLocks(clock),
    clock,
    stdin: stdinOf(),
    signal: new AbortController().signal,
    signers: [modelSigner()],
    ...overrides,
  };
}

type Task = (input: unknown) => unknown;

/** Signs files below `directory` into its `store`. */
export async function signIn(
  directory: string,
  inputs: readonly string[],
  overrides: Partial<Omit<SignParts, "threads">> & Partial<SignRequest> = {},
): Promise<SignResult> {
  const { interval = 300, maxRecords = 100_000, newInput = false, ...rest } = overrides;
  // as if all were much, so that what is done on other threads is tried everywhere
  const { threads = { count: 2, from: 0 }, follow = false, heartbeat = false, ...parts } = rest;
  const request = {
    inputs: inputs.map((input) => (input === "-" ? input : join(directory, input))),
    keyFiles: [],
    store: join(directory, "store"),
    interval,
    maxRecords,
    newInput,
    follow,
    heartbeat,
    threads,
  };
  return signLogs(request, signParts(parts));
}

/** The signer's state file of that store. */
export function stateOf(directory: string): string {
  return join(signerStatePath(join(directory, "store")), "state.json");
}

/** The records of the batches in a directory's store, in order. */
export function recordsIn(directory: string): string[] {
  const files = readStore(join(directory, "store"));
  const paths = [...files.keys()].filter((path) => path.startsWith("fleetsec/batch/")).sort();
  return paths.flatMap((path) => recordsOf(files.get(path) ?? Buffer.of()).map(String));
}
