import { join } from "node:path";
import { FleetsecError } from "../../errors.ts";
import type { Files } from "../../platform/files.ts";
import { type Authority, type CaGeneration, caFiles } from "../authority.ts";
import type { TokenPlaces } from "../init-authority.ts";
import { MAX_PEM_BYTES, readSecret } from "../state.ts";
import { besideTokenKey, tokenUri } from "../token-key.ts";

/**
 * Where the keys of a CA's successor belong where its own are in a token: beside them. Undefined for a
 * CA whose keys are in files.
 * @throws FleetsecError `refused` where only one of the keys is in a token, `permission`
 */
export function placesBeside(
  files: Files,
  { layout, current }: Pick<Authority, "layout" | "current">,
): TokenPlaces | undefined {
  const [root, issuing] = [caFiles.rootKey, caFiles.issuingKey].map((name) => {
    const path = join(layout.authorities, String(current.number), name);
    // a root's key may have been taken away, to be kept apart
    return files.kind(path) === undefined ? undefined : besideTokenKey(readSecret(files, path), path);
  });
  if (root !== undefined && issuing !== undefined) return { root, issuing };
  if (root === undefined && issuing === undefined) return undefined;
  throw new FleetsecError("refused", "only one of the CA's two keys is in a token", {
    hint: "say with --token where the new keys are to be",
  });
}

/**
 * URIs of keys in tokens that CA generations have and no other does: dropping a generation removes
 * what names its keys, and not the keys.
 */
export function tokenKeysOfOnly(
  files: Files,
  { layout, trusted }: Pick<Authority, "layout" | "trusted">,
  dropped: readonly CaGeneration[],
): string[] {
  const keysOf = ({ number }: CaGeneration) =>
    [caFiles.rootKey, caFiles.issuingKey].flatMap((name) => {
      const path = join(layout.authorities, String(number), name);
      // a root's key may have been taken away, to be kept apart
      if (files.kind(path) === undefined) return [];
      return tokenUri(files.readText(path, MAX_PEM_BYTES), path) ?? [];
    });
  const kept = new Set(trusted.filter((ca) => !dropped.includes(ca)).flatMap(keysOf));
  return [...new Set(dropped.flatMap(keysOf))].filter((uri) => !kept.has(uri));
}
