import { FleetsecError } from "../errors.ts";
import type { Files } from "../platform/files.ts";
import { readCertificateFile } from "./authority.ts";
import { activeGeneration, currentFiles } from "./generations.ts";
import type { InventoryEntry } from "./inventory.ts";
import { directoryOf } from "./issue.ts";
import type { Registry } from "./issuers/issuer.ts";

export const certificateStatuses = ["valid", "not-yet-valid", "expired", "revoked", "superseded"] as const;
export type CertificateStatus = (typeof certificateStatuses)[number];

/** What is not yet valid counts as valid: no index says when certificates begin. */
export type CertificateCounts = Readonly<Record<Exclude<CertificateStatus, "not-yet-valid">, number>>;

export interface ListedCertificate extends InventoryEntry {
  readonly status: CertificateStatus;
}

/**
 * Every certificate that was issued, oldest first, with what became of it. A revoked one stays
 * revoked; a superseded one would still be accepted, or will be once it begins, but its name uses another.
 * @param now milliseconds since the epoch
 */
export function listCertificates(files: Files, registry: Registry, now: number): ListedCertificate[] {
  return withStatus(files, registry, now, registry.inventory.entries());
}

/** How many there are of each status, as `listCertificates` tells them. */
export function countCertificates(files: Files, registry: Registry, now: number): CertificateCounts {
  const { total, revoked, expired, rivals } = registry.inventory.census(now);
  let superseded = 0;
  for (const entries of rivals) {
    const listed = withStatus(files, registry, now, entries);
    superseded += listed.filter(({ status }) => status === "superseded").length;
  }
  return { valid: total - revoked - expired - superseded, expired, revoked, superseded };
}

/** @param entries all of the names that are among them, oldest first */
function withStatus(
  files: Files,
  registry: Registry,
  now: number,
  entries: readonly InventoryEntry[],
): ListedCertificate[] {
  const named = new Map<string, InventoryEntry[]>();
  for (const entry of entries) {
    const earlier = named.get(entry.issued.name);
    if (earlier === undefined) named.set(entry.issued.name, [entry]);
    else earlier.push(entry);
  }
  const inUse = new Map<string, string | undefined>();
  const isInUse = ({ name, serial }: InventoryEntry["issued"]) => {
    if (!inUse.has(name)) inUse.set(name, serialInUse(files, registry, named.get(name) ?? []));
    return inUse.get(name) === serial;
  };
  return entries.map((entry) => {
    const { issued, revoked } = entry;
    if (revoked !== undefined) return { ...entry, status: "revoked" };
    // valid up to and including its last second (RFC 5280 section 4.1.2.5)
    if (now > Date.parse(issued.notAfter) + 999) return { ...entry, status: "expired" };
    if (!isInUse(issued)) return { ...entry, status: "superseded" };
    return { ...entry, status: now < Date.parse(issued.notBefore) ? "not-yet-valid" : "valid" };
  });
}

/** The serial number that `current` leads to: of the newest, unless that was rolled back. */
function serialInUse(
  files: Files,
  registry: Registry,
  entries: readonly InventoryEntry[],
): string | undefined {
  const newest = (entries.findLast(({ issued }) => issued.files !== undefined) ?? entries.at(-1))?.issued;
  if (newest?.files === undefined || entries.length === 1) return newest?.serial;
  const directory = directoryOf(registry, newest);
  if (activeGeneration(files, directory) === newest.files.generation) return newest.serial;
  const serial = serialIn(files, currentFiles(directory).cert);
  return entries.some(({ issued }) => issued.serial === serial) ? serial : newest.serial;
}

/** Undefined for a file that was moved away, damaged, or is another user's: the list is of the inventory. */
function serialIn(files: Files, path: string): string | undefined {
  try {
    return readCertificateFile(files, path).serial;
  } catch (error) {
    if (error instanceof FleetsecError) return undefined;
    throw error;
  }
}
