import type { PkiSettings } from "../authority.ts";
import type { Registry } from "../issuers/issuer.ts";

/**
 * The names whose certificates are kept fresh unless told otherwise: those with files whose newest
 * certificate was not revoked, and has not ended longer ago than it may be renewed. In the order of
 * their first issuance.
 * @param now milliseconds since the epoch
 */
export function namesInUse({ inventory }: Registry, { renewGrace }: PkiSettings, now: number): string[] {
  const newest = new Map<string, boolean>();
  for (const { issued, revoked } of inventory.entries()) {
    if (issued.files === undefined) continue;
    newest.set(issued.name, revoked === undefined && now <= Date.parse(issued.notAfter) + renewGrace * 1000);
  }
  return [...newest].flatMap(([name, isInUse]) => (isInUse ? name : []));
}
