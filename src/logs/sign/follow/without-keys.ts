import { join } from "node:path";
import { FleetsecError } from "../../../errors.ts";
import type { Files, OpenFile } from "../../../platform/files.ts";
import { identify, movedAway, type RotatedFile } from "./rotated.ts";

interface KeyedParts {
  readonly files: Files;
  /** @throws FleetsecError `refused` where the path leads to a private key */
  readonly open: (path: string) => OpenFile;
  readonly warn: (text: string) => void;
}

/**
 * The same, in which a private key in a directory that is followed is not there, from when it is first opened
 * until another file stands there, or it is changed: the logs beside it are signed all the same.
 * @param named paths that somebody named: a key there stays refused
 */
export function withoutKeys(
  { files, open, warn }: KeyedParts,
  named: ReadonlySet<string>,
): Pick<KeyedParts, "files" | "open"> {
  const keys = new Map<string, RotatedFile>();
  const isKey = (path: string): boolean => {
    const known = keys.get(path);
    if (known === undefined) return false;
    const now = identify(files, path);
    const isSame = now?.id === known.id && now.size === known.size && now.mtime === known.mtime;
    if (!isSame) keys.delete(path);
    return isSame;
  };
  return {
    files: {
      ...files,
      list: (directory) => files.list(directory).filter((name) => !isKey(join(directory, name))),
      kind: (path) => (isKey(path) ? undefined : files.kind(path)),
      stat(path) {
        if (isKey(path)) throw movedAway(path);
        return files.stat(path);
      },
    },
    open(path) {
      if (isKey(path)) throw movedAway(path);
      try {
        return open(path);
      } catch (error) {
        if (!(error instanceof FleetsecError) || error.code !== "refused" || named.has(path)) throw error;
        const key = identify(files, path);
        if (key !== undefined) {
          keys.set(path, key);
          warn(`${error.message}; it is passed over`);
        }
        throw movedAway(path);
      }
    },
  };
}
