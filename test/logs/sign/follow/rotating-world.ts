import { relative } from "node:path";
import { FleetsecError } from "../../../../src/errors.ts";
import type { Files } from "../../../../src/platform/files.ts";
import { type MemoryTree, memoryFiles } from "../../../support/memory-files.ts";

/** A file apart from its name: renaming keeps it, and whoever has it open. */
interface Inode {
  readonly number: number;
  data: Buffer;
  mtime: number;
  /** How many have it open. */
  opened: number;
}

/**
 * What a writer and log rotation do to the logs of a directory and those below it, beside whoever reads them.
 * A name is a path from the directory. As ext4 does, a new file gets the lowest inode number that is free: that of
 * a file which has no name any more, and that nobody has open.
 */
export interface RotatingWorld {
  /** The logs, and everything else in `tree`. `hook` runs before each operation on a log. */
  readonly files: Files;
  write(name: string, text: string): void;
  rename(from: string, to: string): void;
  remove(name: string): void;
  /** Another name for a file. */
  link(from: string, to: string): void;
  /** Writes what is in a file, or the first part of it, to another one: a new one where `to` is new. */
  copy(from: string, to: string, part: number): void;
  truncate(name: string): void;
  /** Goes on writing to the file that has the name now, whatever becomes of the name. */
  handle(name: string): { write(text: string): void; close(): void };
  /** Whoever reads is killed: nothing is open for reading any more. */
  kill(): void;
  has(name: string): boolean;
  /** Text by name. */
  text(name: string): string;
}

/** @param directory of the logs */
export function rotatingWorld(tree: MemoryTree, directory: string, hook: () => void): RotatingWorld {
  const names = new Map<string, Inode>();
  const inodes: Inode[] = [];
  const readers = new Set<() => void>();
  let time = 0;
  const here = (path: string) => path.startsWith(`${directory}/`);
  const nameOf = (path: string) => relative(directory, path);
  const isDirectory = (path: string): boolean =>
    path === directory ||
    (here(path) && [...names.keys()].some((name) => name.startsWith(`${nameOf(path)}/`)));
  const inodeOf = (path: string): Inode => {
    const inode = names.get(here(path) ? nameOf(path) : path);
    if (inode === undefined) throw new FleetsecError("not-found", `${path} does not exist`);
    return inode;
  };
  const isFree = (inode: Inode) => inode.opened === 0 && ![...names.values()].includes(inode);
  const create = (name: string): Inode => {
    const free = inodes.findIndex(isFree);
    const number = free < 0 ? inodes.length : free;
    const inode = { number, data: Buffer.alloc(0), mtime: time, opened: 0 };
    inodes[number] = inode;
    names.set(name, inode);
    return inode;
  };
  const idOf = ({ number }: Inode) => `inode ${number}`;
  /** @returns closes it */
  const hold = (inode: Inode): (() => void) => {
    inode.opened += 1;
    return once(() => (inode.opened -= 1));
  };
  const append = (inode: Inode, text: string): void => {
    inode.data = Buffer.concat([inode.data, Buffer.from(text)]);
    inode.mtime = time += 1;
  };
  const base = memoryFiles(tree);
  const files: Files = {
    ...base,
    kind(path) {
      if (isDirectory(path)) return "directory";
      if (!here(path)) return base.kind(path);
      hook();
      return names.has(nameOf(path)) ? "file" : undefined;
    },
    stat(path) {
      if (isDirectory(path)) return { id: "directory", mode: 0o755, size: 0, mtime: 0, kind: "directory" };
      if (!here(path)) return base.stat(path);
      hook();
      const inode = inodeOf(path);
      const { data, mtime } = inode;
      return { id: idOf(inode), mode: 0o600, size: data.length, mtime, kind: "file" };
    },
    list(path) {
      if (!isDirectory(path)) return base.list(path);
      hook();
      const inside = path === directory ? "" : `${nameOf(path)}/`;
      return [...names.keys()]
        .filter((name) => name.startsWith(inside))
        .map((name) => name.slice(inside.length))
        .filter((name) => !name.includes("/"))
        .sort();
    },
    open(path, options) {
      if (!here(path)) return base.open(path, options);
      hook();
      const inode = inodeOf(path);
      const close = hold(inode);
      readers.add(close);
      return {
        id: idOf(inode),
        size: inode.data.length,
        now: () => ({
          size: inode.data.length,
          names: [...names.values()].filter((one) => one === inode).length,
        }),
        read(into, position) {
          hook();
          return position >= inode.data.length
            ? 0
            : inode.data.copy(into, 0, position, position + into.length);
        },
        close() {
          close();
          readers.delete(close);
        },
      };
    },
  };
  return {
    files,
    write: (name, text) => append(names.get(name) ?? create(name), text),
    rename(from, to) {
      names.set(to, inodeOf(from));
      names.delete(from);
    },
    remove: (name) => void names.delete(name),
    link: (from, to) => void names.set(to, inodeOf(from)),
    copy(from, to, part) {
      const { data } = inodeOf(from);
      const copy = names.get(to) ?? create(to);
      copy.data = data.subarray(0, Math.floor(data.length * part));
      copy.mtime = time;
    },
    truncate: (name) => (inodeOf(name).data = Buffer.alloc(0)),
    handle(name) {
      const inode = names.get(name) ?? create(name);
      return { write: (text) => append(inode, text), close: hold(inode) };
    },
    kill() {
      for (const close of readers) close();
      readers.clear();
    },
    has: (name) => names.has(name),
    text: (name) => inodeOf(name).data.toString(),
  };
}

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (!done) action();
    done = true;
  };
}
