import { basename, dirname, join, resolve } from "node:path";
import { FleetsecError } from "../../errors.ts";
import type { Files } from "../../platform/files.ts";
import type { Cli } from "../command.ts";

/** As many as Linux follows (path_resolution(7)). */
const MAX_LINKS = 40;

/** A flag and the path that it was given; undefined, and `-`, are no file. */
export type NamedPath = readonly [flag: string, path: string | undefined];

/** Whether a path leads into a store, through any symlink, though nothing may be there yet. */
export function isWithin(files: Files, store: string, path: string): boolean {
  const [within, target] = [targetOf(files, store), targetOf(files, path)];
  return target === within || target.startsWith(`${within}/`);
}

/**
 * What a log holds is evidence: no command writes its results over it.
 * @throws FleetsecError `usage`
 */
export function refuseOutputsWithin(
  { platform: { files, cwd } }: Pick<Cli, "platform">,
  store: string,
  outputs: readonly NamedPath[],
): void {
  for (const [flag, path] of outputs) {
    if (path === undefined || path === "-" || !isWithin(files, store, resolve(cwd, path))) continue;
    throw new FleetsecError("usage", `${flag} lies within the store: ${path}`, {
      hint: "what a log holds is evidence: name a place elsewhere",
    });
  }
}

/** @throws FleetsecError `input` for symlinks that lead nowhere */
function targetOf(files: Files, path: string, links = 0): string {
  if (links > MAX_LINKS) throw new FleetsecError("input", `${path} has too many symlinks`);
  const kind = files.kind(path);
  if (kind !== undefined && kind !== "symlink") return files.realPath(path);
  if (path === dirname(path)) return path;
  const parent = targetOf(files, dirname(path), links);
  if (kind === undefined) return join(parent, basename(path));
  return targetOf(files, resolve(parent, files.readLink(path)), links + 1);
}
