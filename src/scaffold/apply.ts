import { dirname, join } from "node:path";
import { FleetsecError } from "../errors.ts";
import type { Files } from "../platform/files.ts";
import type { FileChange } from "./plan.ts";

const MAX_BYTES = 4 << 20;

/**
 * The text of a file below `root`, or undefined where there is none. Nothing below `root` is
 * followed out of it.
 * @throws FleetsecError `exists` where something other than a file, or a directory above it, is in the way
 */
export function currentText(files: Files, root: string, path: string): string | undefined {
  const steps = path.split("/");
  for (let depth = 1; depth < steps.length; depth += 1) {
    const directory = join(root, ...steps.slice(0, depth));
    const kind = files.kind(directory);
    if (kind === undefined) return undefined;
    if (kind !== "directory") throw inTheWay(directory, kind);
  }
  const at = join(root, path);
  const kind = files.kind(at);
  if (kind === undefined) return undefined;
  if (kind !== "file") throw inTheWay(at, kind);
  return files.readText(at, MAX_BYTES);
}

function inTheWay(path: string, kind: string): FleetsecError {
  return new FleetsecError(
    "exists",
    `${path} is in the way: ${kind === "other" ? "a special file" : `a ${kind}`}`,
    {
      hint: "move it aside, or choose another directory with --out",
    },
  );
}

/** Writes what is to be created and, with `force`, what differs. Gives the paths written. */
export function apply(files: Files, root: string, changes: readonly FileChange[], force: boolean): string[] {
  const wanted = changes.filter(({ action }) => action === "create" || (force && action === "differs"));
  for (const { path, content } of wanted) {
    const at = join(root, path);
    files.makeDirectory(dirname(at), 0o755);
    files.write(at, content, { mode: 0o644 });
  }
  return wanted.map(({ path }) => path);
}
