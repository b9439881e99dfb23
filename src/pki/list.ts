import type { Inventory, InventoryEntry } from "./inventory.ts";

export type CertificateStatus = "valid" | "expired" | "revoked" | "superseded";

export interface ListedCertificate extends InventoryEntry {
  readonly status: CertificateStatus;
}

/**
 * Every certificate that was issued, oldest first, with what became of it. A revoked one stays
 * revoked; a superseded one is still valid, but a newer one of its name is too.
 * @param now milliseconds since the epoch
 */
export function listCertificates(inventory: Inventory, now: number): ListedCertificate[] {
  return inventory.entries().map((entry) => ({ ...entry, status: statusOf(inventory, entry, now) }));
}

function statusOf(inventory: Inventory, entry: InventoryEntry, now: number): CertificateStatus {
  const { issued, revoked } = entry;
  if (revoked !== undefined) return "revoked";
  // valid up to and including its last second (RFC 5280 section 4.1.2.5)
  if (now > Date.parse(issued.notAfter) + 999) return "expired";
  return inventory.newest(issued.name)?.issued.serial === issued.serial ? "valid" : "superseded";
}
