import * as fs from "node:fs";
import { dirname, join, resolve } from "node:path";
import { FleetsecError } from "../errors.ts";
import {
  makeDirectories,
  replaceBySymlink,
  syncDirectory,
  TEMPORARY,
  temporaryBeside,
  writeAllAtomic,
  writeAtomic,
  writeNew,
} from "./atomic-write.ts";
import { nodeChildProcess, nodeUtil } from "./builtins.ts";
import { attempt } from "./file-error.ts";
import { decodeUtf8, type FileKind, type Files } from "./files.ts";

export const systemFiles: Files = {
  kind(path) {
    const stat = attempt(path, () => fs.lstatSync(path, { throwIfNoEntry: false }));
    return stat === undefined ? undefined : kindOf(stat);
  },

  stat(path) {
    const stat = attempt(path, () => fs.statSync(path));
    const { dev, ino, size, mtimeMs } = stat;
    return { id: `${dev}:${ino}`, mode: stat.mode & 0o7777, size, mtime: mtimeMs, kind: kindOf(stat) };
  },

  read(path, maxBytes) {
    return attempt(path, () => {
      // O_NONBLOCK: opening a FIFO must not hang.
      const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
      try {
        return readRegular(fd, path, maxBytes);
      } finally {
        fs.closeSync(fd);
      }
    });
  },

  readText(path, maxBytes) {
    return decodeUtf8(systemFiles.read(path, maxBytes), path);
  },

  readFrom(path, offset, maxBytes) {
    return attempt(path, () => {
      const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
      try {
        const buffer = Buffer.alloc(Math.max(0, requireRegular(fd, path).size - offset));
        if (buffer.length > maxBytes) throw tooLong(path, maxBytes);
        let done = 0;
        for (let read = -1; read !== 0 && done < buffer.length; done += read) {
          read = fs.readSync(fd, buffer, done, buffer.length - done, offset + done);
        }
        return buffer.subarray(0, done);
      } finally {
        fs.closeSync(fd);
      }
    });
  },

  list(path) {
    return attempt(path, () => fs.readdirSync(path).sort());
  },

  *entries(path) {
    const directory = attempt(path, () => fs.opendirSync(path, { bufferSize: LISTED }));
    try {
      for (;;) {
        const entry = attempt(path, () => directory.readSync());
        if (entry === null) return;
        yield { name: entry.name, kind: kindOf(entry) };
      }
    } finally {
      directory.closeSync();
    }
  },

  open(path, { follow = false } = {}) {
    const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = fs.constants;
    const flags = O_RDONLY | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW);
    const fd = attempt(path, () => fs.openSync(path, flags));
    const close = () => fs.closeSync(fd);
    try {
      const { size, dev, ino } = requireRegular(fd, path);
      return {
        id: `${dev}:${ino}`,
        size,
        now: () => {
          const now = attempt(path, () => fs.fstatSync(fd));
          return { size: now.size, names: now.nlink };
        },
        read: (into, position) =>
          attempt(path, () => {
            let length = 0;
            while (length < into.length) {
              const read = fs.readSync(fd, into, length, into.length - length, position + length);
              if (read === 0) break;
              length += read;
            }
            return length;
          }),
        close,
      };
    } catch (error) {
      close();
      throw error;
    }
  },

  makeDirectory(path, mode = 0o700, { durable = true } = {}) {
    attempt(path, () => {
      const first = makeDirectories(path, mode);
      if (first === undefined || !durable) return;
      // each directory that was made is an entry in the one above it
      const top = resolve(first);
      for (let made = resolve(path); made.length >= top.length; made = dirname(made)) {
        syncDirectory(dirname(made));
      }
    });
  },

  write(path, data, options) {
    writeAtomic(path, [data], options);
  },

  writePieces(path, pieces) {
    writeAtomic(path, pieces);
  },

  appendEvent(path, line) {
    attempt(path, () => {
      const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK } = fs.constants;
      // O_NONBLOCK: a FIFO without a reader must not hang
      const fd = fs.openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0o600);
      try {
        requireRegular(fd, path);
        fs.writeSync(fd, line);
      } finally {
        fs.closeSync(fd);
      }
    });
  },

  writeTogether: writeAllAtomic,

  append(path, size, data) {
    attempt(path, () => {
      const isNew = !fs.existsSync(path);
      const fd = fs.openSync(path, fs.constants.O_WRONLY | fs.constants.O_CREAT, 0o600);
      try {
        fs.ftruncateSync(fd, size);
        try {
          for (let done = 0; done < data.length;) {
            done += fs.writeSync(fd, data, done, data.length - done, size + done);
          }
        } catch (error) {
          fs.ftruncateSync(fd, size);
          throw error;
        }
        fs.fsyncSync(fd);
      } finally {
        fs.closeSync(fd);
      }
      if (isNew) syncDirectory(dirname(path));
    });
  },

  writeDirectory(path, entries, { durable = true } = {}) {
    const temporary = temporaryBeside(path);
    attempt(path, () => {
      fs.mkdirSync(temporary, { mode: 0o700 });
      try {
        for (const { name, data, mode } of entries) writeNew(join(temporary, name), [data], mode, durable);
        if (durable) syncDirectory(temporary);
        fs.renameSync(temporary, path);
      } catch (error) {
        fs.rmSync(temporary, { recursive: true, force: true });
        throw error;
      }
      if (durable) syncDirectory(dirname(path));
    });
  },

  linkAtomic(path, target, { durable = true } = {}) {
    attempt(path, () => {
      try {
        fs.symlinkSync(target, path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
        replaceBySymlink(path, target);
      }
      if (durable) syncDirectory(dirname(path));
    });
  },

  async flush(path) {
    // Node has no syncfs(2); sync(1) of GNU and BusyBox has
    const program = SYNC.find((candidate) => fs.existsSync(candidate));
    if (program === undefined) return false;
    try {
      // nothing of our environment, which may hold a passphrase or PIN
      await nodeUtil().promisify(nodeChildProcess().execFile)(program, ["-f", path], { env: {} });
      return true;
    } catch {
      return false;
    }
  },

  realPath(path) {
    return attempt(path, () => fs.realpathSync(path));
  },

  readLink(path) {
    return attempt(path, () => fs.readlinkSync(path));
  },

  rename(from, to) {
    attempt(from, () => {
      fs.renameSync(from, to);
      syncDirectory(dirname(to));
      if (dirname(from) !== dirname(to)) syncDirectory(dirname(from));
    });
  },

  remove(path) {
    attempt(path, () => fs.rmSync(path, { recursive: true, force: true }));
  },

  removeIfEmpty(directory) {
    attempt(directory, () => {
      try {
        fs.rmdirSync(directory);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code !== "ENOTEMPTY" && code !== "EEXIST" && code !== "ENOENT") throw error;
      }
    });
  },

  removeTemporaries(directory) {
    attempt(directory, () => {
      if (!fs.existsSync(directory)) return;
      for (const name of fs.readdirSync(directory).filter((entry) => TEMPORARY.test(entry))) {
        fs.rmSync(join(directory, name), { recursive: true, force: true });
      }
    });
  },
};

/** Not looked up through PATH: a program of somebody else's must not run in its place. */
const SYNC = ["/usr/bin/sync", "/bin/sync"];

/** Names that are read at once. */
const LISTED = 1024;

function kindOf(what: fs.Dirent | fs.Stats): FileKind {
  if (what.isFile()) return "file";
  if (what.isDirectory()) return "directory";
  return what.isSymbolicLink() ? "symlink" : "other";
}

function readRegular(fd: number, path: string, maxBytes: number): Buffer {
  const { size } = requireRegular(fd, path);
  if (size > maxBytes) throw tooLong(path, maxBytes);
  const data = fs.readFileSync(fd);
  if (data.length > maxBytes) throw tooLong(path, maxBytes);
  return data;
}

function requireRegular(fd: number, path: string): fs.Stats {
  const stat = attempt(path, () => fs.fstatSync(fd));
  if (stat.isFile()) return stat;
  throw new FleetsecError(
    "input",
    `${path} is ${stat.isDirectory() ? "a directory" : "not a regular file"}`,
    {
      hint: "name a regular file",
    },
  );
}

function tooLong(path: string, maxBytes: number): FleetsecError {
  return new FleetsecError("input", `${path} is larger than ${maxBytes} bytes`, {
    hint: "check that this is the right file",
  });
}
