import { join } from "node:path";
import { FleetsecError } from "../../errors.ts";
import type { FileKind, Files, OpenFile } from "../../platform/files.ts";
import type { Findings } from "./finding.ts";
import type { Pace } from "./pace.ts";

/** A file of a store that is open for reading. */
export interface StoredFile {
  /** Bytes, when it was opened. */
  readonly size: number;
  /** Reads from `position` on until `into` is full or the file ends; gives the number of bytes. */
  read(into: Uint8Array, position: number): number | Promise<number>;
}

/** Reads a store's files. What cannot be read is remembered: it was not verified. */
export interface StoreReader {
  /** The store, for a person. */
  readonly name: string;
  /** How many files it is worth while to read at once. */
  readonly abreast: number;
  /**
   * Tells of every name in the store, with `/` between; of what is in a folder, where `visit` says so.
   * @throws FleetsecError where the store itself cannot be read
   */
  list(visit: (path: string, kind: FileKind) => boolean, pace: Pace): Promise<void>;
  /**
   * A file's bytes; of one longer than `maxBytes`, the first `maxBytes + 1`. Undefined where there
   * is no regular file, or it cannot be read.
   */
  read(path: string, maxBytes: number): Promise<Buffer | undefined>;
  /** A file's length; undefined likewise. */
  size(path: string): Promise<number | undefined>;
  /** The result of `use` over the open file; undefined where there is none, or it cannot be read. */
  withFile<T>(path: string, use: (file: StoredFile) => Promise<T>): Promise<T | undefined>;
  /** Reports what speaks against how the files are kept, once they are listed. */
  judge?(findings: Findings, pace: Pace): Promise<void>;
  /** Files that could not be read, and why. */
  readonly unreadable: ReadonlyMap<string, string>;
}

const FILE_FAULTS: ReadonlySet<string> = new Set(["not-found", "permission", "input", "io"]);

/** A store in a directory. Symlinks are not followed. */
export function directoryReader(files: Files, store: string): StoreReader {
  // the paths of a store need no normalizing, which takes as long as to close a file
  const folder = join(store, "/");
  const unreadable = new Map<string, string>();
  const unreadableAs = (path: string, error: unknown): undefined => {
    if (!(error instanceof FleetsecError) || !FILE_FAULTS.has(error.code)) throw error;
    // not-found: a file that went away since it was listed is missing like any other
    if (error.code !== "not-found") unreadable.set(path, error.message);
    return undefined;
  };
  return {
    name: store,
    abreast: 1,
    unreadable,
    async list(visit, pace) {
      let names = 0;
      const visitFolder = async (at: string): Promise<void> => {
        const folders: string[] = [];
        for (const { name, kind } of files.entries(join(store, at))) {
          names += 1;
          if (names % 1024 === 0) await pace();
          const path = at === "" ? name : `${at}/${name}`;
          if (visit(path, kind) && kind === "directory") folders.push(path);
        }
        for (const path of folders) await visitFolder(path);
      };
      await visitFolder("");
    },
    async size(path) {
      try {
        const file = files.open(folder + path);
        file.close();
        return file.size;
      } catch (error) {
        return unreadableAs(path, error);
      }
    },
    async read(path, maxBytes) {
      try {
        const file = files.open(folder + path);
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
        file = files.open(folder + path);
        return await use(file);
      } catch (error) {
        return unreadableAs(path, error);
      } finally {
        file?.close();
      }
    },
  };
}
