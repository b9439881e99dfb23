import { FleetsecError } from "../../../src/errors.ts";
import type { FileKind, Files, ListedName } from "../../../src/platform/files.ts";

/** Files in memory, for tests that verify thousands of stores: what a verification calls, no more. */
export function memoryFiles(files: ReadonlyMap<string, Buffer>): Files {
  const written = new Map(files);
  const children = new Map<string, Map<string, FileKind>>();
  const enter = (path: string): void => {
    let kind: FileKind = "file";
    for (let at = path; at.includes("/"); at = at.slice(0, at.lastIndexOf("/"))) {
      const parent = at.slice(0, at.lastIndexOf("/"));
      const names = children.get(parent) ?? new Map<string, FileKind>();
      children.set(parent, names.set(at.slice(parent.length + 1), kind));
      kind = "directory";
    }
  };
  for (const path of written.keys()) enter(path);
  const bytesOf = (path: string): Buffer => {
    const bytes = written.get(path);
    if (bytes !== undefined) return bytes;
    throw new FleetsecError(children.has(path) ? "input" : "not-found", `no file ${path}`);
  };
  const supported: Partial<Files> = {
    kind: (path) => (written.has(path) ? "file" : children.has(path) ? "directory" : undefined),
    stat: (path) => ({ id: path, mode: 0o600, size: bytesOf(path).length, mtime: 0, kind: "file" }),
    read: (path) => bytesOf(path),
    readText: (path) => bytesOf(path).toString("utf8"),
    *entries(path): Generator<ListedName> {
      for (const [name, kind] of children.get(path) ?? []) yield { name, kind };
    },
    open: (path) => {
      const bytes = bytesOf(path);
      return {
        id: path,
        size: bytes.length,
        now: () => ({ size: bytes.length, names: 1 }),
        read: (into, position) => bytes.subarray(position, position + into.length).copy(into),
        close: () => {},
      };
    },
    makeDirectory: () => {},
    write: (path, data) => {
      written.set(path, Buffer.from(data));
      enter(path);
    },
  };
  return supported as Files;
}
