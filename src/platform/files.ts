import { FleetsecError } from "../errors.ts";

/** What a path is, without following a final symlink. */
export type FileKind = "file" | "directory" | "symlink" | "other";

export interface WriteOptions {
  /** 0o644 unless told; keys are 0o600. Not subject to the umask. */
  readonly mode?: number;
  /** Refuse with `exists` where the path is taken. */
  readonly exclusive?: boolean;
  /** Not synced: for what may be lost with the machine. */
  readonly transient?: boolean;
}

/** Whether what is written is on disk when the call returns (the default), or only once `flush` has. */
export interface Durability {
  readonly durable?: boolean;
}

/** A file that is new, or comes in the place of another. */
export interface NewFile<T extends string | Uint8Array = string | Uint8Array> {
  readonly path: string;
  readonly data: T;
}

/** A file in a directory that is written as a whole. */
export interface DirectoryEntry {
  readonly name: string;
  readonly data: string | Uint8Array;
  readonly mode: number;
}

/** A regular file that is open for reading. Close it. */
export interface OpenFile {
  /** Device and inode: the same file under any name. */
  readonly id: string;
  /** Bytes, when it was opened. */
  readonly size: number;
  /** How long it is by now, and how many names lead to it: none where it is removed. */
  now(): { readonly size: number; readonly names: number };
  /** Reads from `position` on until `into` is full or the file ends; gives the number of bytes. */
  read(into: Uint8Array, position: number): number;
  close(): void;
}

/** A name in a directory. */
export interface ListedName {
  readonly name: string;
  readonly kind: FileKind;
}

/**
 * Files as fleetsec needs them: bounded reads, durable and atomic writes.
 * Every fault is a FleetsecError that names the path.
 */
export interface Files {
  /** `undefined` where there is nothing. Does not follow a final symlink. */
  kind(path: string): FileKind | undefined;
  /** Permission bits, size and kind of what the path leads to, and when it was changed (milliseconds). */
  stat(path: string): {
    /** Device and inode, as of an open file. */
    readonly id: string;
    readonly mode: number;
    readonly size: number;
    readonly mtime: number;
    readonly kind: FileKind;
  };
  /**
   * A regular file's bytes.
   * @throws FleetsecError `not-found`, `permission`, or `input` for what is no regular file or is
   *   longer than `maxBytes`
   */
  read(path: string, maxBytes: number): Buffer;
  /** The same, as strict UTF-8 without a byte order mark. */
  readText(path: string, maxBytes: number): string;
  /** What stands in a regular file from `offset` to its end, where that is not longer than `maxBytes`. */
  readFrom(path: string, offset: number, maxBytes: number): Buffer;
  /** Names in a directory, sorted by code unit. */
  list(path: string): string[];
  /** What is in a directory, as it comes, one at a time: takes no memory however much it is. */
  entries(path: string): Iterable<ListedName>;
  /**
   * Opens a regular file for reading; through a final symlink only where `follow` says so.
   * @throws FleetsecError `not-found`, `permission`, or `input` for what is no regular file
   */
  open(path: string, options?: { readonly follow?: boolean }): OpenFile;
  /** Creates a directory and its missing parents, durably; 0o700 unless told. */
  makeDirectory(path: string, mode?: number, options?: Durability): void;
  /** Temporary file in the same directory, fsync, rename (or link), fsync of the directory. */
  write(path: string, data: string | Uint8Array, options?: WriteOptions): void;
  /** The same for a text that is not in memory as a whole. Its mode is 0o644. */
  writePieces(path: string, pieces: Iterable<string>): void;
  /**
   * Writes several files (0o644), each as `write` does and one after the other, but syncs them at once: that
   * takes as long as the slowest. Where it fails before the first is in place, none is.
   */
  writeTogether(entries: readonly NewFile[]): Promise<void>;
  /**
   * Cuts a file to `size` bytes, where it is longer, and adds `data` after them, durably. Creates
   * the file where there is none, with 0o600. When it fails the file has its old bytes.
   * For one writer at a time.
   */
  append(path: string, size: number, data: Uint8Array): void;
  /** Adds to the end of a file (0o600 where it is new) in one write, not synced: for streams of events. */
  appendEvent(path: string, line: string): void;
  /**
   * Creates a directory (0o700) of the files given, all at once and durably: it is there whole or not
   * at all. @throws FleetsecError `exists` where the path is taken by anything but an empty directory
   */
  writeDirectory(path: string, entries: readonly DirectoryEntry[], options?: Durability): void;
  /** Points a symlink at `target`, atomically replacing what was there. */
  linkAtomic(path: string, target: string, options?: Durability): void;
  /**
   * Makes everything durable that was written to the file system of `path` (syncfs(2)); false where
   * there is no way to. For many files at once: each on its own would take a journal's commit.
   */
  flush(path: string): Promise<boolean>;
  readLink(path: string): string;
  /** The path without any symlink. */
  realPath(path: string): string;
  rename(from: string, to: string): void;
  /** Removes a file, symlink or whole directory; nothing there is no error. */
  remove(path: string): void;
  /** Removes a directory where there is nothing in it; otherwise leaves it alone. */
  removeIfEmpty(directory: string): void;
  /**
   * Removes the temporary files that writes of killed processes left in a directory; no directory is
   * no error. Only where nobody else writes.
   */
  removeTemporaries(directory: string): void;
}

/** Strict UTF-8: malformed bytes are an error, never replaced. */
export function decodeUtf8(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new FleetsecError("input", `${what} is not valid UTF-8`, { cause });
  }
}
