import { FleetsecError } from "../errors.ts";
import type { InventoryEntry } from "./inventory.ts";
import type { IssueRecord } from "./inventory-line.ts";
import type { Registry } from "./issuers/issuer.ts";

/** What is to be issued, names as in the inventory. */
type Wanted = Pick<IssueRecord, "name" | "sans">;

/**
 * A URI is who its holder is: nobody else may have a certificate for it while one is valid. Servers
 * may share DNS names and addresses.
 * @param now milliseconds since the epoch
 * @throws FleetsecError `refused`
 */
export function refuseTaken({ inventory }: Registry, { name, sans }: Wanted, now: number): void {
  for (const uri of urisOf(sans)) {
    const holder = inventory.mentioning(uri).find((entry) => holds(entry, uri, name, now));
    if (holder !== undefined) throw taken(uri, holder.issued.name);
  }
}

/**
 * The same for many: the certificates that have not ended are read once. Of them only those are held
 * that have a URI which does not end with their name; the others are found by it.
 * @returns what throws as `refuseTaken`
 */
export function takenRefuser(registry: Registry, now: number): (wanted: Wanted) => void {
  const { inventory } = registry;
  const others = new Map<string, string[]>();
  for (const entry of inventory.unended(now)) {
    const { name, sans } = entry.issued;
    for (const uri of urisOf(sans)) {
      if (lastPart(uri) === name || entry.revoked !== undefined) continue;
      others.set(uri, [...(others.get(uri) ?? []), name]);
    }
  }
  return ({ name, sans }) => {
    for (const uri of urisOf(sans)) {
      const named = lastPart(uri);
      const own = named === name ? undefined : inventory.newest(named, (one) => holds(one, uri, name, now));
      const holder = own?.issued.name ?? others.get(uri)?.find((other) => other !== name);
      if (holder !== undefined) throw taken(uri, holder);
    }
  };
}

function urisOf(sans: readonly string[]): readonly string[] {
  return sans.filter((san) => san.startsWith("uri:"));
}

function lastPart(uri: string): string {
  return uri.slice(uri.lastIndexOf("/") + 1);
}

function holds({ issued, revoked }: InventoryEntry, uri: string, notBy: string, now: number): boolean {
  return (
    issued.name !== notBy &&
    revoked === undefined &&
    Date.parse(issued.notAfter) >= now &&
    issued.sans.includes(uri)
  );
}

function taken(uri: string, holder: string): FleetsecError {
  return new FleetsecError("refused", `${holder} holds a valid certificate for ${uri}`, {
    hint: `choose another URI, or revoke that certificate first: fleetsec cert revoke ${holder}`,
  });
}
