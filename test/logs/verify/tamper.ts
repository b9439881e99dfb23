import type { StoreFiles } from "../store-model.ts";

/** Ways to tamper with a store. Each gives a new one; the old one stays as it is. */

export function copyOf(store: StoreFiles): StoreFiles {
  return new Map(store);
}

export function bytesAt(store: StoreFiles, path: string): Buffer {
  const bytes = store.get(path);
  if (bytes === undefined) throw new Error(`the store has no ${path}`);
  return bytes;
}

export function withFile(store: StoreFiles, path: string, bytes: Buffer | string): StoreFiles {
  return copyOf(store).set(path, Buffer.from(bytes));
}

export function without(store: StoreFiles, ...paths: readonly string[]): StoreFiles {
  const result = copyOf(store);
  for (const path of paths) {
    bytesAt(store, path);
    result.delete(path);
  }
  return result;
}

/** Without every file whose path begins so. */
export function withoutBelow(store: StoreFiles, prefix: string): StoreFiles {
  return without(store, ...[...store.keys()].filter((path) => path.startsWith(prefix)));
}

export function change(store: StoreFiles, path: string, edit: (bytes: Buffer) => Buffer): StoreFiles {
  return withFile(store, path, edit(Buffer.from(bytesAt(store, path))));
}

export function flip(store: StoreFiles, path: string, offset: number, mask = 1): StoreFiles {
  return change(store, path, (bytes) => {
    bytes[offset] = (bytes[offset] ?? 0) ^ mask;
    return bytes;
  });
}

export function swapFiles(store: StoreFiles, a: string, b: string): StoreFiles {
  return copyOf(store).set(a, bytesAt(store, b)).set(b, bytesAt(store, a));
}

/** Edits the lines of a file, each with its newline. */
export function editLines(
  store: StoreFiles,
  path: string,
  edit: (lines: string[]) => readonly string[],
): StoreFiles {
  return change(store, path, (bytes) => {
    const lines = bytes.toString("latin1").split(/(?<=\n)/);
    return Buffer.from(edit(lines).join(""), "latin1");
  });
}

/** Where a line begins, in bytes; `line` is 1-based. */
export function offsetOf(store: StoreFiles, path: string, line: number): number {
  const lines = bytesAt(store, path)
    .toString("latin1")
    .split(/(?<=\n)/);
  return lines.slice(0, line - 1).join("").length;
}

/** Where an entry of a bundle begins, with its length, in bytes. */
export function entryOffset(store: StoreFiles, path: string, entry: number): number {
  const bytes = bytesAt(store, path);
  let at = 0;
  for (let i = 0; i < entry; i++) at += 2 + bytes.readUInt16BE(at);
  return at;
}

/** The entries of a bundle, taken apart and put together again. */
export function editEntries(
  store: StoreFiles,
  path: string,
  edit: (entries: Buffer[]) => readonly Buffer[],
): StoreFiles {
  return change(store, path, (bytes) => {
    const entries: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += 2 + bytes.readUInt16BE(at)) {
      entries.push(bytes.subarray(at + 2, at + 2 + bytes.readUInt16BE(at)));
    }
    return Buffer.concat(
      edit(entries).flatMap((entry) => [Buffer.of(entry.length >> 8, entry.length & 0xff), entry]),
    );
  });
}
