import { keyTypes } from "../../config/pki-schema.ts";
import { FleetsecError } from "../../errors.ts";
import type { KeyType } from "../../pki/keys.ts";
import type { IssueRequest } from "../../pki/plan.ts";
import type { StoredKey } from "../../pki/token-key.ts";
import type { Cli } from "../command.ts";
import type { PkiProject } from "../pki-project.ts";

/** The key that a URI names; made where the token has none of that label. */
export async function tokenKey(
  { platform: { tokens, clock } }: Cli,
  { settings }: PkiProject,
  request: IssueRequest,
  uri: string,
): Promise<{ readonly key: StoredKey; readonly keyType: KeyType }> {
  const { newTokenKey, storedTokenKey } = await import("../../pki/token-key.ts");
  const { planIssue } = await import("../../pki/plan.ts");
  try {
    return typed(storedTokenKey(await tokens.open(uri)));
  } catch (error) {
    const isThere = !(error instanceof FleetsecError) || error.code !== "not-found";
    if (isThere || !uri.includes("object=")) throw error;
  }
  // what the role refuses makes no key
  const { keyType } = planIssue(request, settings, undefined, clock.now());
  return typed(await newTokenKey(tokens, uri, keyType));
}

function typed(key: StoredKey): { key: StoredKey; keyType: KeyType } {
  const type = keyTypes.find((candidate) => candidate === key.signer.keyType);
  if (type !== undefined) return { key, keyType: type };
  throw new FleetsecError("refused", `no role allows ${key.signer.keyType} keys`, {
    hint: `name a key of type ${keyTypes.join(", ")}`,
  });
}
