import { dirname } from "node:path";
import { FleetsecError } from "../../src/errors.ts";
import { decodeUtf8, type Files } from "../../src/platform/files.ts";

/** Regular files by absolute path. */
export type MemoryTree = Map<string, Buffer>;

/**
 * A file system in memory, for tests that write much or let writing fail: regular files only, and
 * directories where there are files. It lacks what nobody has needed yet.
 */
export function memoryFiles(tree: MemoryTree): Files {
  const below = (path: string) => [...tree.keys()].filter((file) => file.startsWith(`${path}/`));
  const read = (path: string, maxBytes: number): Buffer => {
    const data = tree.get(path);
    if (data === undefined) throw new FleetsecError("not-found", `${path} does not exist`);
    if (data.length > maxBytes) throw new FleetsecError("input", `${path} is larger than ${maxBytes} bytes`);
    return Buffer.from(data);
  };
  const files: Partial<Files> = {
    kind: (path) => {
      if (tree.has(path)) return "file";
      return below(path).length > 0 ? "directory" : undefined;
    },
    stat: (path) => {
      const data = tree.get(path);
      if (data === undefined && below(path).length > 0)
        return { id: path, mode: 0o755, size: 0, mtime: 0, kind: "directory" };
      return { id: path, mode: 0o600, size: read(path, Infinity).length, mtime: 0, kind: "file" };
    },
    // it has no symlinks
    realPath: (path) => path,
    read,
    readText: (path, maxBytes) => decodeUtf8(read(path, maxBytes), path),
    open: (path) => {
      const data = read(path, Infinity);
      return {
        id: path,
        size: data.length,
        now: () => ({ size: data.length, names: tree.has(path) ? 1 : 0 }),
        read: (into, position) => data.copy(into, 0, position, position + into.length),
        close() {},
      };
    },
    list: (path) => [...new Set(below(path).map((file) => file.slice(path.length + 1).replace(/\/.*/s, "")))],
    makeDirectory() {},
    write(path, data, { exclusive = false } = {}) {
      if (exclusive && tree.has(path)) throw new FleetsecError("exists", `${path} exists already`);
      tree.set(path, Buffer.from(data));
    },
    remove(path) {
      for (const file of [path, ...below(path)]) tree.delete(file);
    },
    removeIfEmpty() {},
    removeTemporaries(directory) {
      const temporary = (file: string) => dirname(file) === directory && /\/\.[^/]+\.tmp$/.test(file);
      for (const file of [...tree.keys()].filter(temporary)) tree.delete(file);
    },
  };
  return files as Files;
}
