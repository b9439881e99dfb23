import { FleetsecError } from "../../../errors.ts";
import type { Files, OpenFile } from "../../../platform/files.ts";
import { movedAway, type RotatedFile } from "./rotated.ts";

/**
 * Files that are known by device and inode, and kept open though nothing of them is read at present. When a file
 * is removed, the next one that is made can get its inode number at once (ext4 gives the lowest that is free), but
 * not while the removed one is open: so what has the number of a file that is held is that file.
 */
export interface HeldFiles {
  /** Takes over a file that is open. */
  hold(file: OpenFile): void;
  /** Opens it. @throws FleetsecError `not-found` where another one is there by now */
  holdAt(file: RotatedFile): void;
  /** Whether a file that is held has no name any more. */
  isRemoved(id: string): boolean;
  release(id: string): void;
  /** Releases all but these. */
  keep(ids: ReadonlySet<string>): void;
}

export function heldFiles(files: Files): HeldFiles {
  const held = new Map<string, OpenFile>();
  const hold = (file: OpenFile): void => {
    if (held.has(file.id)) file.close();
    else held.set(file.id, file);
  };
  const release = (id: string): void => {
    held.get(id)?.close();
    held.delete(id);
  };
  return {
    hold,
    holdAt({ path, id }) {
      if (held.has(id)) return;
      const file = openIfAllowed(files, path);
      if (file !== undefined && file.id !== id) {
        file.close();
        throw movedAway(path);
      }
      if (file !== undefined) hold(file);
    },
    isRemoved: (id) => held.get(id)?.now().names === 0,
    release,
    keep(ids) {
      for (const id of held.keys()) if (!ids.has(id)) release(id);
    },
  };
}

/** A rotated file of which nothing is to be read can be one that may not be read. */
function openIfAllowed(files: Files, path: string): OpenFile | undefined {
  try {
    return files.open(path, { follow: true });
  } catch (error) {
    if (error instanceof FleetsecError && error.code === "permission") return undefined;
    throw error;
  }
}
