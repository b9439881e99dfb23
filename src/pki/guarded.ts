import { join } from "node:path";
import { FleetsecError } from "../errors.ts";
import type { Files } from "../platform/files.ts";
import { requireSecret } from "../platform/secret-file.ts";
import type { CertificateFiles } from "./generations.ts";
import type { StateLayout } from "./state.ts";

/**
 * Who can write in the state's directories can put another CA, key or record there, whatever the modes of
 * the files are.
 * @throws FleetsecError `permission`
 */
export function requireGuarded(files: Files, stateDirectory: string, layout: StateLayout): void {
  const { authorities, certificates, inventory } = layout;
  for (const path of [stateDirectory, authorities, certificates, inventory]) requireOwn(files, path);
}

/** The keys of a CA generation, also those that are not needed now. @throws FleetsecError `permission` */
export function requireGuardedKeys(files: Files, directory: string, names: readonly string[]): void {
  requireOwn(files, directory);
  for (const path of names.map((name) => join(directory, name))) requireSecretIfThere(files, path);
}

/** The files of a NAME that hold its key. @throws FleetsecError `permission` */
export function requireGuardedPair(files: Files, { key, bundle }: CertificateFiles): void {
  for (const path of [key, bundle]) requireSecretIfThere(files, path);
}

/** A root's key may be kept elsewhere, and a CSR's is. */
function requireSecretIfThere(files: Files, path: string): void {
  if (files.kind(path) !== undefined) requireSecret(files, path);
}

function requireOwn(files: Files, path: string): void {
  if (files.kind(path) === undefined || (files.stat(path).mode & 0o022) === 0) return;
  throw new FleetsecError("permission", `${path} can be written by others`, {
    hint: `run chmod go-w ${path}, and see first that nobody has put anything there`,
  });
}
