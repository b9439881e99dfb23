import { crc32 } from "node:zlib";
import { FleetsecError } from "../errors.ts";
import type { Files } from "../platform/files.ts";
import { damageIn, inventoryCheck } from "./inventory-check.ts";
import {
  encodeIndex,
  type InventoryIndex,
  nameKey,
  offsetsOf,
  readIndex,
  type Revocation,
  serialKey,
  withKeys,
} from "./inventory-index.ts";
import {
  type CrlRecord,
  decodeLines,
  encodeHeader,
  encodeLines,
  type InventoryRecord,
  type IssueRecord,
  lineReader,
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
  /**
   * Makes sure that what was read stands as it did, the part that the index covers too, and reads
   * what was appended since. For whoever writes, or says that something was not revoked.
   * @throws FleetsecError `state` that names the line that is damaged
   */
  refresh(): void;
  /**
   * Adds records durably, all or none, to a file that is whole. Renews the index where there is
   * much that it lacks. @throws FleetsecError as `refresh`
   */
  append(records: readonly InventoryRecord[]): void;
  bySerial(serial: string): InventoryEntry | undefined;
  /** Those whose serial numbers begin with eight digits or more. */
  bySerialPrefix(digits: string): readonly InventoryEntry[];
  /** Oldest first. */
  byName(name: string): readonly InventoryEntry[];
  /** The newest of a name that `accepts` takes: earlier ones are not even read. Any unless told. */
  newest(name: string, accepts?: (entry: InventoryEntry) => boolean): InventoryEntry | undefined;
  /** Oldest first. Reads all of the file, and so finds any damage. */
  entries(): readonly InventoryEntry[];
  /** In the order of revocation. */
  revocations(authority: number): readonly Revocation[];
  /** The newest CRL of an authority. */
  newestCrl(authority: number): CrlRecord | undefined;
  /** The highest number that a CA generation has had; 0 where there was none. Each begins with a CRL. */
  lastAuthority(): number;
}

/** What has been read: up to some line by way of the index, and what came after. */
interface Known {
  index: InventoryIndex;
  readonly recent: { readonly issued: IssueRecord; readonly offset: number }[];
  readonly serials: Map<string, IssueRecord>;
  readonly names: Map<string, IssueRecord[]>;
  /** By serial number, in the order of revocation. */
  readonly revocations: Map<string, Revocation>;
  readonly crls: Map<number, CrlRecord>;
}

function knownFrom(index: InventoryIndex): Known {
  return {
    index,
    recent: [],
    serials: new Map(),
    names: new Map(),
    revocations: new Map(index.revocations.map((revocation) => [revocation.serial, revocation])),
    crls: new Map(index.crls.map((crl) => [crl.authority, crl])),
  };
}

/** Certificates that the index may lack: reading them takes some milliseconds. */
const MAX_RECENT = 1000;
/** Or this part of those that it has: to write it takes longer the more there are. */
const PART_RECENT = 1 / 64;

/**
 * Reads what the index does not cover; damage to the rest is found by `refresh`.
 * @throws FleetsecError `state` for a missing or damaged file
 */
export function openInventory(files: Files, path: string): Inventory {
  if (files.kind(path) === undefined) {
    throw new FleetsecError("state", `there is no inventory: ${path}`, {
      hint: "restore it from a backup, or move the state directory away and begin anew",
    });
  }
  const indexPath = indexBeside(path);
  const known = knownFrom(readIndex(files, indexPath, path));
  let { length, lines, sum, crc } = known.index;
  const readLine = lineReader(files, path);
  const check = inventoryCheck(files, path);

  const entryOf = (issued: IssueRecord): InventoryEntry => ({
    issued,
    revoked: known.revocations.get(issued.serial)?.revoked,
  });
  const entryAt = (offset: number): InventoryEntry | undefined => {
    const record = readLine(offset);
    if (record === undefined) throw damageIn(files, path, { length, lines, crc });
    return record.op === "issue" ? entryOf(record) : undefined;
  };
  /** What the index leads to. Another certificate may have the same key. */
  const indexed = (keys: BigUint64Array, key: number): InventoryEntry[] =>
    offsetsOf(keys, key).flatMap((offset) => entryAt(offset) ?? []);
  const bySerial = (serial: string): InventoryEntry | undefined => {
    const recent = known.serials.get(serial);
    if (recent !== undefined) return entryOf(recent);
    return indexed(known.index.serials, serialKey(serial)).find(({ issued }) => issued.serial === serial);
  };
  const recentOf = (name: string) => (known.names.get(name) ?? []).map(entryOf);

  const apply = (record: InventoryRecord, offset: number): void => {
    if (record.op === "crl") known.crls.set(record.authority, record);
    else if (record.op === "issue") addIssued(known, record, offset);
    else {
      const issued = bySerial(record.serial)?.issued;
      if (issued === undefined) {
        throw new FleetsecError("state", `${path} revokes ${record.serial}, which it never issued`);
      }
      const { serial, authority, notAfter } = issued;
      if (known.revocations.has(serial)) return;
      known.revocations.set(serial, { serial, authority, notAfter, revoked: record });
    }
  };
  const applyAll = (records: readonly InventoryRecord[], starts: readonly number[]): void => {
    for (const [i, record] of records.entries()) apply(record, length + (starts[i] ?? 0));
  };
  const renewIndex = (): void => {
    if (known.recent.length < Math.max(MAX_RECENT, known.index.names.length * PART_RECENT)) return;
    const index = indexOf(known, { length, lines, sum, crc });
    if (!isKept(files, indexPath, index)) return;
    known.index = index;
    known.recent.length = 0;
    known.serials.clear();
    known.names.clear();
  };

  const readOn = (): void => {
    const data = files.readFrom(path, length, MAX_BYTES);
    const decoded = decodeLines(data, path, lines, sum);
    applyAll(decoded.records, decoded.starts);
    length += decoded.length;
    lines = decoded.lines;
    sum = decoded.sum;
    // zlib begins anew at an empty buffer
    if (decoded.length > 0) crc = crc32(data.subarray(0, decoded.length), crc);
  };

  const inventory: Inventory = {
    refresh() {
      check.require({ length, lines, crc });
      readOn();
    },
    append(records) {
      check.require({ length, lines, crc });
      for (const record of records) {
        if (record.op === "issue" && bySerial(record.serial) !== undefined) throw repeated(record);
      }
      const encoded = encodeLines(records, sum);
      files.append(path, length, encoded.data);
      applyAll(records, encoded.starts);
      length += encoded.data.length;
      lines += records.length;
      sum = encoded.sum;
      if (records.length > 0) crc = crc32(encoded.data, crc);
      check.written();
      renewIndex();
    },
    bySerial,
    bySerialPrefix: (digits) =>
      [
        ...indexed(known.index.serials, serialKey(digits)),
        ...[...known.serials.values()].map(entryOf),
      ].filter(({ issued }) => issued.serial.startsWith(digits)),
    byName: (name) => [
      ...indexed(known.index.names, nameKey(name)).filter(({ issued }) => issued.name === name),
      ...recentOf(name),
    ],
    newest(name, accepts = () => true) {
      const recent = recentOf(name).findLast(accepts);
      if (recent !== undefined) return recent;
      for (const offset of offsetsOf(known.index.names, nameKey(name)).toReversed()) {
        const entry = entryAt(offset);
        if (entry?.issued.name === name && accepts(entry)) return entry;
      }
      return undefined;
    },
    entries() {
      if (known.index.length === 0) return known.recent.map(({ issued }) => entryOf(issued));
      const { records } = decodeLines(files.read(path, MAX_BYTES).subarray(0, length), path, 0, 0);
      return records.flatMap((record) => (record.op === "issue" ? entryOf(record) : []));
    },
    revocations: (authority) =>
      [...known.revocations.values()].filter((revocation) => revocation.authority === authority),
    newestCrl: (authority) => known.crls.get(authority),
    lastAuthority: () => Math.max(0, ...known.crls.keys()),
  };
  readOn();
  return inventory;
}

/** Begins an inventory where there is none. */
export function createInventory(files: Files, path: string): void {
  if (files.kind(path) === undefined)
    files.write(path, encodeHeader().data, { mode: 0o600, exclusive: true });
}

function indexBeside(path: string): string {
  return `${path.replace(/\.jsonl$/, "")}.index`;
}

/** 159 random bits do not repeat: the source of randomness is broken where they do. */
function repeated({ serial }: IssueRecord): FleetsecError {
  return new FleetsecError("state", `the serial number ${serial} was drawn twice`, {
    hint: "the system's source of randomness repeats itself: issue nothing on this machine",
  });
}

function addIssued({ recent, serials, names }: Known, issued: IssueRecord, offset: number): void {
  recent.push({ issued, offset });
  serials.set(issued.serial, issued);
  const earlier = names.get(issued.name);
  if (earlier === undefined) names.set(issued.name, [issued]);
  else earlier.push(issued);
}

function indexOf(
  { index, recent, revocations, crls }: Known,
  covered: Pick<InventoryIndex, "length" | "lines" | "sum" | "crc">,
): InventoryIndex {
  return {
    ...covered,
    names: withKeys(
      index.names,
      recent.map(({ issued, offset }) => [nameKey(issued.name), offset]),
    ),
    serials: withKeys(
      index.serials,
      recent.map(({ issued, offset }) => [serialKey(issued.serial), offset]),
    ),
    revocations: [...revocations.values()],
    crls: [...crls.values()],
  };
}

/** Not synced: a torn one is found by its checksum. */
function isKept(files: Files, path: string, index: InventoryIndex): boolean {
  try {
    files.write(path, encodeIndex(index), { mode: 0o600, transient: true });
    return true;
  } catch (error) {
    // what was appended stands, and is not to be taken back for want of an index
    if (error instanceof FleetsecError) return false;
    throw error;
  }
}
