import { dirname, join } from "node:path";
import { FleetsecError } from "../../errors.ts";
import type { Files } from "../../platform/files.ts";
import type { Platform } from "../../platform/platform.ts";
import { CHECKPOINT, signerStatePath } from "../layout.ts";
import { directoryStore, type LogStore, type WriteFile } from "../store.ts";
import { isDirectory } from "./expand.ts";
import type { SignedLog } from "./publish.ts";

/** Milliseconds. A second signer has nothing to wait for: the first one takes the same input. */
const LOCK_TIMEOUT = 1_000;

/** A store that is no directory. */
export interface RemoteStore {
  readonly store: LogStore;
  /** The directory that its signer keeps its state in, absolute. */
  readonly state: string;
  /** @throws FleetsecError `input` where it holds something else than a log, `refused` where none is safe there */
  requireLog(): Promise<void>;
}

/**
 * Works on a log while no other signer does on this machine.
 * @param place the log's directory, absolute, or where else it is
 * @throws FleetsecError `input` where the directory holds something else, `busy`
 */
export async function holdLog<T>(
  place: string | RemoteStore,
  {
    files,
    locks,
    write = async (...file) => files.write(...file),
  }: Pick<Platform, "files" | "locks"> & { readonly write?: WriteFile },
  signers: SignedLog["signers"],
  work: (log: SignedLog) => Promise<T>,
): Promise<T> {
  if (typeof place === "string") requireStore(files, place);
  else await place.requireLog();
  const directory = typeof place === "string" ? signerStatePath(place) : place.state;
  const log: SignedLog = {
    files,
    write,
    store: typeof place === "string" ? directoryStore(files, place, write) : place.store,
    statePath: join(directory, "state.json"),
    signers,
  };
  try {
    return await locks.hold(directory, async () => work(log), { timeout: LOCK_TIMEOUT });
  } finally {
    // where nothing was ever signed, nothing stays
    files.removeIfEmpty(directory);
  }
}

/** No log is started among other files. */
function requireStore(files: Files, store: string): void {
  refuseWithinLog(files, store);
  if (files.kind(store) === undefined) return;
  if (isDirectory(files, store)) {
    const names = files.list(store);
    if (names.includes(CHECKPOINT) || names.every((name) => BEGUN_STORE.test(name))) return;
  }
  throw new FleetsecError("input", `${store} holds other things than a log`, {
    hint: "name a directory of the log's own with --store",
  });
}

/**
 * No log lies within another one's store: there its files belong to nothing that was signed. A store is
 * told by its newest checkpoint, beside what only we write.
 */
function refuseWithinLog(files: Files, store: string): void {
  let there = store;
  while (files.kind(there) === undefined && there !== dirname(there)) there = dirname(there);
  const real = files.realPath(there);
  for (let path = there === store ? dirname(real) : real; ; path = dirname(path)) {
    if (files.kind(join(path, CHECKPOINT)) === "file" && files.kind(join(path, "fleetsec")) === "directory") {
      throw new FleetsecError("input", `${store} lies within the store of another log, ${path}`, {
        hint: "name a directory elsewhere with --store",
      });
    }
    if (path === dirname(path)) return;
  }
}

/** What a killed run may have left, and what stands in the root of every file system. */
const BEGUN_STORE = /^(fleetsec|tile|lost\+found|\.checkpoint\..*\.tmp)$/;
