import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { FleetsecError } from "../errors.ts";
import { nodeCrypto, nodeUtil } from "./builtins.ts";
import { attempt, fileError } from "./file-error.ts";
import type { NewFile, WriteOptions } from "./files.ts";

/**
 * Writes a file that appears whole or not at all: beside `path` under a temporary name, synced
 * (unless `transient`), then renamed, or linked where `exclusive` refuses a name that is taken.
 */
export function writeAtomic(
  path: string,
  pieces: Iterable<string | Uint8Array>,
  options: WriteOptions = {},
): void {
  const temporary = temporaryBeside(path);
  attempt(path, () => {
    try {
      writeNew(temporary, pieces, options.mode ?? 0o644, options.transient !== true);
      if (options.exclusive === true) {
        // link(2) fails where the name is taken; rename(2) would replace it.
        fs.linkSync(temporary, path);
        fs.unlinkSync(temporary);
      } else {
        requireReplaceable(path);
        fs.renameSync(temporary, path);
      }
    } catch (error) {
      fs.rmSync(temporary, { force: true });
      throw error;
    }
    if (options.transient !== true) syncDirectory(dirname(path));
  });
}

/**
 * The same of several files (0o644), which are synced at once, and so are their directories: a disk takes
 * little longer for all than for one. They are renamed in their order.
 */
export async function writeAllAtomic(entries: readonly NewFile[]): Promise<void> {
  const files = entries.map(({ path, data }) => ({ path, data, temporary: temporaryBeside(path) }));
  const open = new Map<number, string>();
  try {
    try {
      for (const { path, data, temporary } of files)
        open.set(
          attempt(path, () => createWith(temporary, [data], 0o644)),
          path,
        );
      await syncAll(open);
    } finally {
      for (const fd of open.keys()) fs.closeSync(fd);
    }
    for (const { path, temporary } of files) {
      attempt(path, () => {
        requireReplaceable(path);
        fs.renameSync(temporary, path);
      });
    }
  } catch (error) {
    for (const { temporary } of files) fs.rmSync(temporary, { force: true });
    throw error;
  }
  await syncDirectories(new Set(entries.map(({ path }) => dirname(path))));
}

async function syncDirectories(paths: Iterable<string>): Promise<void> {
  const open = new Map<number, string>();
  try {
    for (const path of paths)
      open.set(
        attempt(path, () => fs.openSync(path, "r")),
        path,
      );
    await syncAll(open);
  } finally {
    for (const fd of open.keys()) fs.closeSync(fd);
  }
}

/** @param open paths by file descriptor. It ends when all are done: none of them may be closed before. */
async function syncAll(open: ReadonlyMap<number, string>): Promise<void> {
  const fsync = nodeUtil().promisify(fs.fsync);
  const ends = await Promise.allSettled(
    [...open].map(([fd, path]) =>
      fsync(fd).catch((error: unknown) => {
        throw fileError(path, error);
      }),
    ),
  );
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

/** symlink(2) refuses a name that is taken; rename(2) of a new link replaces what is there. */
export function replaceBySymlink(path: string, target: string): void {
  const temporary = temporaryBeside(path);
  fs.symlinkSync(target, temporary);
  try {
    fs.renameSync(temporary, path);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
}

/** A leading dot hides it; what a killed process left behind never meets a new one's. */
export function temporaryBeside(path: string): string {
  // counted on from a random number of this thread: a number for each would take as long as a system call
  temporaries ??= nodeCrypto().randomBytes(6).readUIntBE(0, 6);
  temporaries = (temporaries + 1) % MAX_TEMPORARIES;
  return join(dirname(path), `.${basename(path)}.${temporaries.toString(16).padStart(12, "0")}.tmp`);
}

const MAX_TEMPORARIES = 2 ** 48;
let temporaries: number | undefined;

/** The names that `temporaryBeside` gives. */
export const TEMPORARY = /^\..+\.[0-9a-f]{12}\.tmp$/;

/** Writes, and syncs unless told, a file that is not there yet. The mode is not subject to the umask. */
export function writeNew(
  path: string,
  pieces: Iterable<string | Uint8Array>,
  mode: number,
  sync = true,
): void {
  const fd = createWith(path, pieces, mode);
  try {
    if (sync) fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** The descriptor of a new file with that in it, not synced. */
function createWith(path: string, pieces: Iterable<string | Uint8Array>, mode: number): number {
  const fd = fs.openSync(path, "wx", 0o600);
  try {
    for (const piece of pieces) fs.writeFileSync(fd, piece);
    fs.fchmodSync(fd, mode);
    return fd;
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

/**
 * Creates a directory and its missing parents; gives the first one that it made. `mkdirSync` with
 * `recursive` does the same, but in Node 20 never returns where a file system has no room for it,
 * as under /proc.
 */
export function makeDirectories(path: string, mode: number): string | undefined {
  try {
    fs.mkdirSync(path, { mode });
    return path;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && fs.statSync(path).isDirectory()) return undefined;
    if (code !== "ENOENT" || dirname(path) === path) throw error;
  }
  const first = makeDirectories(dirname(path), mode);
  try {
    fs.mkdirSync(path, { mode });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // what is above it is there by now
    if (code === "ENOENT") {
      throw new FleetsecError("permission", `${path} cannot be created: its file system takes no directory`, {
        cause: error,
      });
    }
    // another process was faster
    if (code !== "EEXIST") throw error;
  }
  return first ?? path;
}

/** Makes the entries of a directory durable; what is in its files is not. */
export function syncDirectory(path: string): void {
  const fd = fs.openSync(path, "r");
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** rename(2) would put a file in the place of a device, or of the link to one, for the whole machine. */
function requireReplaceable(path: string): void {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  // /dev/stdout leads to a file where it is redirected to one
  if (dirname(path) !== "/dev" && (stat === undefined || stat.isFile() || stat.isDirectory())) return;
  throw new FleetsecError("exists", `${path} is there and is no file`, {
    hint: "name a file, or - for standard output where the command takes it",
  });
}
