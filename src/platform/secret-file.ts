import { FleetsecError } from "../errors.ts";
import type { Files } from "./files.ts";

/**
 * The text of a file that holds a secret.
 * @throws FleetsecError `permission` where others can read it, and what reading throws
 */
export function readSecretFile(
  files: Pick<Files, "readText" | "stat">,
  path: string,
  maxBytes: number,
): string {
  // first, since it says what a path that is no file is
  const text = files.readText(path, maxBytes);
  requireSecret(files, path);
  return text;
}

/** @throws FleetsecError `permission` where others can read or write a file that holds a secret */
export function requireSecret(files: Pick<Files, "stat">, path: string): void {
  if ((files.stat(path).mode & 0o077) === 0) return;
  throw new FleetsecError("permission", `${path} can be read or written by others`, {
    hint: `run chmod 600 ${path}, and replace the secret if others may have read it`,
  });
}
