import { dirname, join } from "node:path";
import type { Files, WriteOptions } from "../platform/files.ts";

/** Where a log is kept. Paths are those of layout.ts. Every write is durable when it returns. */
export interface LogStore {
  /** The store, for a person. */
  readonly name: string;
  /** @returns undefined where there is no such file. @throws FleetsecError `input` where it is longer */
  read(path: string, maxBytes: number): Promise<Buffer | undefined>;
  /** @throws FleetsecError `exists` where the path is taken: in S3, by anything but the same bytes */
  create(path: string, data: string | Uint8Array): Promise<void>;
  /** Creates or replaces, at once. @throws FleetsecError `busy` where someone else did since it was read */
  replace(path: string, data: string | Uint8Array): Promise<void>;
  /** Absent where nothing can be removed: a batch that is begun there must be ended with the same bytes. */
  readonly cleaning?: StoreCleaning;
}

export interface StoreCleaning {
  /** Removes a file or a directory; nothing there is no error. */
  remove(path: string): Promise<void>;
  /** Removes what killed writers left half-written beside the path. Only where nobody else writes. */
  sweep(path: string): Promise<void>;
}

/** Records can be personal data: they are for the owner and a group of auditors. */
const FILE_MODE = 0o640;
const DIRECTORY_MODE = 0o750;

/** `Files.write`, here or elsewhere. */
export type WriteFile = (path: string, data: string | Uint8Array, options: WriteOptions) => Promise<void>;

/** A store in a directory, which is made when something is first written. */
export function directoryStore(
  files: Files,
  root: string,
  writeFile: WriteFile = async (...write) => files.write(...write),
): LogStore {
  const made = new Set<string>();
  const write = async (path: string, data: string | Uint8Array, exclusive: boolean): Promise<void> => {
    const target = join(root, path);
    if (!made.has(dirname(target))) files.makeDirectory(dirname(target), DIRECTORY_MODE);
    made.add(dirname(target));
    await writeFile(target, data, { mode: FILE_MODE, exclusive });
  };
  return {
    name: root,
    read: async (path, maxBytes) => {
      const target = join(root, path);
      return files.kind(target) === undefined ? undefined : files.read(target, maxBytes);
    },
    create: async (path, data) => write(path, data, true),
    replace: async (path, data) => write(path, data, false),
    cleaning: {
      remove: async (path) => files.remove(join(root, path)),
      sweep: async (path) => files.removeTemporaries(dirname(join(root, path))),
    },
  };
}
