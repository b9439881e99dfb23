import { join } from "node:path";
import { FleetsecError } from "../errors.ts";
import type { Files } from "../platform/files.ts";
import type { Platform } from "../platform/platform.ts";
import { readSecret } from "./state.ts";

/** Of a passphrase that protects new keys, in characters. */
const MIN_LENGTH = 8;

/**
 * Where the random passphrase of a CA is kept: in the user's own state, outside any project, so that
 * a project that is copied or committed never holds a usable CA.
 * @param id of the CA
 */
export function storedPassphrasePath(userState: string, id: string): string {
  return join(userState, "ca", `${id}.passphrase`);
}

/** The passphrase that is kept for a CA, or undefined. @throws FleetsecError `permission` */
export function storedPassphrase(files: Files, userState: string, id: string): string | undefined {
  const path = storedPassphrasePath(userState, id);
  return files.kind(path) === undefined ? undefined : passphraseIn(files, path);
}

/** Draws a passphrase of 256 bits and keeps it, durably, before any key depends on it. */
export function storeRandomPassphrase(
  { files, random, userState }: Pick<Platform, "files" | "random" | "userState">,
  id: string,
): string {
  const passphrase = Buffer.from(random(32)).toString("base64url");
  const path = storedPassphrasePath(userState, id);
  files.makeDirectory(join(userState, "ca"));
  files.write(path, `${passphrase}\n`, { mode: 0o600, exclusive: true });
  return passphrase;
}

/** The passphrase in a file: its first line, which is its only one. @throws FleetsecError `input`, `permission` */
export function passphraseIn(files: Files, path: string): string {
  const passphrase = readSecret(files, path).replace(/\r?\n$/, "");
  if (passphrase !== "" && !passphrase.includes("\n")) return passphrase;
  throw new FleetsecError("input", `${path} does not hold a passphrase on its one line`);
}

/** @throws FleetsecError `usage` for a passphrase that is too short to protect a CA */
export function checkNewPassphrase(passphrase: string): string {
  if (Array.from(passphrase).length >= MIN_LENGTH) return passphrase;
  throw new FleetsecError("usage", `the passphrase has fewer than ${MIN_LENGTH} characters`, {
    hint: "several random words are good and easy to type",
  });
}
