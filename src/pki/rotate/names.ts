import { FleetsecError } from "../../errors.ts";
import type { Files } from "../../platform/files.ts";
import type { PkiSettings } from "../authority.ts";
import type { Registry } from "../issuers/issuer.ts";
import { currentCertificate } from "../renew.ts";

/**
 * The names whose certificates are kept fresh unless told otherwise: those with files whose
 * certificate in use was not revoked, and whose newest has not ended longer ago than it may be
 * renewed. In the order of their first issuance.
 * @param now milliseconds since the epoch
 */
export function namesInUse(
  files: Files,
  registry: Registry,
  { renewGrace }: PkiSettings,
  now: number,
): string[] {
  const newest = new Map<string, { readonly end: number; readonly isRevoked: boolean }>();
  for (const { issued, revoked } of registry.inventory.entries()) {
    if (issued.files === undefined) continue;
    newest.set(issued.name, { end: Date.parse(issued.notAfter), isRevoked: revoked !== undefined });
  }
  return [...newest].flatMap(([name, { end, isRevoked }]) => {
    if (now > end + renewGrace * 1000) return [];
    // the newest may have been rolled back before it was revoked
    return isRevoked && !isUsable(files, registry, name) ? [] : name;
  });
}

function isUsable(files: Files, registry: Registry, name: string): boolean {
  try {
    currentCertificate(files, registry, name);
    return true;
  } catch (error) {
    if (error instanceof FleetsecError) return false;
    throw error;
  }
}
