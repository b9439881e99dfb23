import { join } from "node:path";
import { FleetsecError } from "../../errors.ts";
import type { Files } from "../../platform/files.ts";
import { type Authority, caFiles } from "../authority.ts";
import type { TokenPlaces } from "../init-authority.ts";
import { readSecret } from "../state.ts";
import { besideTokenKey } from "../token-key.ts";

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
