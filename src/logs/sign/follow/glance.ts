import { dirname } from "node:path";
import type { Files } from "../../../platform/files.ts";
import { type RotatedFile, rotatedNow } from "./rotated.ts";

/** The names in directories, read once a round for all the logs that lie there. */
export interface Glance {
  /** Of a directory, sorted by code unit. */
  names(directory: string): readonly string[];
  /**
   * The rotated forms of a log beside it, the oldest first, by names that are as old as the round: enough to
   * tell whether a closer look is due, not to tell in what order files were written.
   */
  rotated(path: string): RotatedFile[];
  /** Begins a round. */
  renew(): void;
}

export function glanceAt(files: Files): Glance {
  const listed = new Map<string, readonly string[]>();
  const names = (directory: string): readonly string[] => {
    const found = listed.get(directory) ?? files.list(directory);
    listed.set(directory, found);
    return found;
  };
  return {
    names,
    rotated: (path) => rotatedNow(files, path, names(dirname(path))),
    renew: () => listed.clear(),
  };
}
