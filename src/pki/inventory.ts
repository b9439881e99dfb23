import { FleetsecError } from "../errors.ts";
import type { Files } from "../platform/files.ts";
import {
  type CrlRecord,
  decodeLines,
  encodeHeader,
  encodeLines,
  type InventoryRecord,
  type IssueRecord,
  type RevokeRecord,
} from "./inventory-line.ts";

/** A gibibyte holds some three million certificates. */
const MAX_BYTES = 1 << 30;

/** A certificate and what became of it. */
export interface InventoryEntry {
  readonly issued: IssueRecord;
  readonly revoked: RevokeRecord | undefined;
}

/**
 * Every certificate that was issued, in an append-only file. What other processes add is seen after
 * `refresh`; `append` must be called under the state's lock, after one.
 */
export interface Inventory {
  /** Reads what was appended since. @throws FleetsecError `state` for a damaged file */
  refresh(): void;
  /** Adds records durably, all or none. */
  append(records: readonly InventoryRecord[]): void;
  bySerial(serial: string): InventoryEntry | undefined;
  /** Oldest first. */
  byName(name: string): readonly InventoryEntry[];
  newest(name: string): InventoryEntry | undefined;
  /** Oldest first. */
  entries(): readonly InventoryEntry[];
  /** In the order of revocation. */
  revocations(authority: number): readonly InventoryEntry[];
  /** The newest CRL of an authority. */
  newestCrl(authority: number): CrlRecord | undefined;
  /** The highest number that a CA generation has had; 0 where there was none. Each begins with a CRL. */
  lastAuthority(): number;
}

interface Index {
  readonly entries: InventoryEntry[];
  /** Places in `entries`. */
  readonly serials: Map<string, number>;
  readonly names: Map<string, number[]>;
  readonly revoked: number[];
  readonly crls: Map<number, CrlRecord>;
}

/** @throws FleetsecError `state` for a missing or damaged file */
export function openInventory(files: Files, path: string): Inventory {
  if (files.kind(path) === undefined) {
    throw new FleetsecError("state", `there is no inventory: ${path}`, {
      hint: "restore it from a backup, or move the state directory away and begin anew",
    });
  }
  const index: Index = {
    entries: [],
    serials: new Map(),
    names: new Map(),
    revoked: [],
    crls: new Map(),
  };
  let [length, lines, sum] = [0, 0, 0];

  const inventory: Inventory = {
    refresh() {
      const data = files.readFrom(path, length, MAX_BYTES);
      const decoded = decodeLines(data, path, lines, sum);
      for (const record of decoded.records) apply(index, record, path);
      length += decoded.length;
      lines = decoded.lines;
      sum = decoded.sum;
    },
    append(records) {
      for (const record of records) refuseRepeated(index, record);
      const encoded = encodeLines(records, sum);
      files.append(path, length, encoded.data);
      for (const record of records) apply(index, record, path);
      length += encoded.data.length;
      lines += records.length;
      sum = encoded.sum;
    },
    bySerial: (serial) => entryAt(index, index.serials.get(serial)),
    byName: (name) => (index.names.get(name) ?? []).flatMap((at) => entryAt(index, at) ?? []),
    newest: (name) => entryAt(index, index.names.get(name)?.at(-1)),
    entries: () => index.entries,
    revocations: (authority) =>
      index.revoked
        .flatMap((at) => entryAt(index, at) ?? [])
        .filter(({ issued }) => issued.authority === authority),
    newestCrl: (authority) => index.crls.get(authority),
    lastAuthority: () => Math.max(0, ...index.crls.keys()),
  };
  inventory.refresh();
  return inventory;
}

/** Begins an inventory where there is none. */
export function createInventory(files: Files, path: string): void {
  if (files.kind(path) === undefined)
    files.write(path, encodeHeader().data, { mode: 0o600, exclusive: true });
}

function entryAt(index: Index, at: number | undefined): InventoryEntry | undefined {
  return at === undefined ? undefined : index.entries[at];
}

/** 159 random bits do not repeat: the source of randomness is broken where they do. */
function refuseRepeated({ serials }: Index, record: InventoryRecord): void {
  if (record.op === "issue" && serials.has(record.serial)) {
    throw new FleetsecError("state", `the serial number ${record.serial} was drawn twice`, {
      hint: "the system's source of randomness repeats itself: issue nothing on this machine",
    });
  }
}

function apply(index: Index, record: InventoryRecord, path: string): void {
  switch (record.op) {
    case "issue": {
      const at = index.entries.push({ issued: record, revoked: undefined }) - 1;
      index.serials.set(record.serial, at);
      const earlier = index.names.get(record.name);
      if (earlier === undefined) index.names.set(record.name, [at]);
      else earlier.push(at);
      return;
    }
    case "revoke": {
      const at = index.serials.get(record.serial);
      const entry = entryAt(index, at);
      if (at === undefined || entry === undefined) {
        throw new FleetsecError("state", `${path} revokes ${record.serial}, which it never issued`);
      }
      if (entry.revoked !== undefined) return;
      index.entries[at] = { issued: entry.issued, revoked: record };
      index.revoked.push(at);
      return;
    }
    case "crl":
      index.crls.set(record.authority, record);
  }
}
