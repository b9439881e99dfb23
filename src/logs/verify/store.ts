import { join } from "node:path";
import { FleetsecError } from "../../errors.ts";
import type { Files, OpenFile } from "../../platform/files.ts";

/** Reads a store's files. What cannot be read is remembered: it was not verified. */
export interface StoreReader {
  /**
   * A file's bytes; of one longer than `maxBytes`, the first `maxBytes + 1`. Undefined where there
   * is no regular file, or it cannot be read.
   */
  read(path: string, maxBytes: number): Buffer | undefined;
  /** A file's length; undefined likewise. */
  size(path: string): number | undefined;
  /** The result of `use` over the open file; undefined where there is none, or it cannot be read. */
  withFile<T>(path: string, use: (file: OpenFile) => Promise<T>): Promise<T | undefined>;
  /** Files that the operating system would not let us read, and why. */
  readonly unreadable: ReadonlyMap<string, string>;
}

const FILE_FAULTS: ReadonlySet<string> = new Set(["not-found", "permission", "input", "io"]);

export function storeReader(files: Files, store: string): StoreReader {
  const unreadable = new Map<string, string>();
  const unreadableAs = (path: string, error: unknown): undefined => {
    if (!(error instanceof FleetsecError) || !FILE_FAULTS.has(error.code)) throw error;
    // not-found: a file that went away since it was listed is missing like any other
    if (error.code !== "not-found") unreadable.set(path, error.message);
    return undefined;
  };
  return {
    unreadable,
    size(path) {
      try {
        const file = files.open(join(store, path));
        file.close();
        return file.size;
      } catch (error) {
        return unreadableAs(path, error);
      }
    },
    read(path, maxBytes) {
      try {
        const file = files.open(join(store, path));
        try {
          const bytes = Buffer.allocUnsafe(Math.min(file.size, maxBytes + 1));
          return bytes.subarray(0, file.read(bytes, 0));
        } finally {
          file.close();
        }
      } catch (error) {
        return unreadableAs(path, error);
      }
    },
    async withFile(path, use) {
      let file: OpenFile | undefined;
      try {
        file = files.open(join(store, path));
        return await use(file);
      } catch (error) {
        return unreadableAs(path, error);
      } finally {
        file?.close();
      }
    },
  };
}
