import { crc32 } from "node:zlib";
import { FleetsecError } from "../errors.ts";
import type { Files } from "../platform/files.ts";
import { damageIn, inventoryCheck } from "./inventory-check.ts";
import { countedAt } from "./inventory-census.ts";
import {
  countBelow,
  encodeIndex,
  endKey,
  type InventoryIndex,
  type KeyColumns,
  mergeColumns,
  nameKey,
  NO_KEYS,
  offsetOf,
  offsetsOf,
  readIndex,
  type Revocation,
  serialKey,
  withCertificates,
} from "./inventory-index.ts";
import {
  type CrlRecord,
  damaged,
  decodeLines,
  encodeHeader,
  encodeLines,
  type InventoryRecord,
  type IssueRecord,
  lineReader,
  linesWith,
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
  /** Those whose lines have a text, as a JSON string of its own. Looks at every byte, and reads only those lines. */
  mentioning(text: string): readonly InventoryEntry[];
  /** Those that have not ended, oldest first, each read when it is asked for. @param now ms since the epoch */
  unended(now: number): Iterable<InventoryEntry>;
  /** Counts them. Reads lines only of names that have several certificates. @param now ms since the epoch */
  census(now: number): Census;
  /** In the order of revocation. */
  revocations(authority: number): readonly Revocation[];
  /** The newest CRL of an authority. */
  newestCrl(authority: number): CrlRecord | undefined;
  /** The highest number that a CA generation has had; 0 where there was none. Each begins with a CRL. */
  lastAuthority(): number;
}

/** How many certificates there are, and what became of them by the calendar and by revocation. */
export interface Census {
  readonly total: number;
  readonly revoked: number;
  /** Past their end, and not revoked. */
  readonly expired: number;
  /** Those of names that have several, one of them at least not past its end; oldest first. */
  readonly rivals: Iterable<readonly InventoryEntry[]>;
}

/** What has been read. Of certificates only where their lines are, however many came since the index. */
interface Known {
  index: InventoryIndex;
  /** Those that the index lacks. */
  recent: KeyColumns;
  /** By serial number, in the order of revocation. */
  readonly revocations: Map<string, Revocation>;
  readonly crls: Map<number, CrlRecord>;
}

function knownFrom(index: InventoryIndex): Known {
  return {
    index,
    recent: NO_KEYS,
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
 * @throws FleetsecError `state` for a missing or damaged file, a symbolic link, and one that is shorter than its index says
 */
export function openInventory(files: Files, path: string): Inventory {
  if (files.kind(path) === undefined) {
    throw new FleetsecError("state", `there is no inventory: ${path}`, {
      hint: "restore it from a backup, or move the state directory away and begin anew",
    });
  }
  if (files.kind(path) === "symlink") {
    throw new FleetsecError("state", `${path} is a symbolic link, which is not followed`, {
      hint: "put the file itself there, or move the whole state directory (state in fleetsec.yaml)",
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
  const offsets = (column: keyof KeyColumns, key: number): number[] => [
    ...offsetsOf(known.index[column], key),
    ...offsetsOf(known.recent[column], key),
  ];
  const named = (name: string) => offsets("names", nameKey(name));
  /** What the keys lead to. Another certificate may have the same one. */
  const entriesOf = (found: readonly number[]): InventoryEntry[] =>
    found.flatMap((offset) => entryAt(offset) ?? []);
  const bySerial = (serial: string): InventoryEntry | undefined =>
    entriesOf(offsets("serials", serialKey(serial))).find(({ issued }) => issued.serial === serial);

  const applyAll = (records: readonly InventoryRecord[], starts: readonly number[]): void => {
    const issued: IssueRecord[] = [];
    const begins: number[] = [];
    const bySerialHere = new Map<string, IssueRecord>();
    for (const [i, record] of records.entries()) {
      if (record.op === "crl") known.crls.set(record.authority, record);
      else if (record.op === "issue") {
        issued.push(record);
        bySerialHere.set(record.serial, record);
        begins.push(length + (starts[i] ?? 0));
      } else {
        const found = bySerialHere.get(record.serial) ?? bySerial(record.serial)?.issued;
        addRevocation(known, path, record, found);
      }
    }
    known.recent = withCertificates(known.recent, issued, begins);
  };
  const renewIndex = (): void => {
    const { index, recent } = known;
    if (recent.names.length < Math.max(MAX_RECENT, index.names.length * PART_RECENT)) return;
    const renewed = indexOf(known, { length, lines, sum, crc });
    if (!isKept(files, indexPath, renewed)) return;
    known.index = renewed;
    known.recent = NO_KEYS;
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
      entriesOf(offsets("serials", serialKey(digits))).filter(({ issued }) =>
        issued.serial.startsWith(digits),
      ),
    byName: (name) => entriesOf(named(name)).filter(({ issued }) => issued.name === name),
    newest(name, accepts = () => true) {
      for (const offset of named(name).toReversed()) {
        const entry = entryAt(offset);
        if (entry?.issued.name === name && accepts(entry)) return entry;
      }
      return undefined;
    },
    entries() {
      const { records } = decodeLines(files.read(path, MAX_BYTES).subarray(0, length), path, 0, 0);
      return records.flatMap((record) => (record.op === "issue" ? entryOf(record) : []));
    },
    mentioning(text) {
      return entriesOf([...linesWith(files, path, length, Buffer.from(JSON.stringify(text)))]);
    },
    *unended(now) {
      const { ends } = mergeColumns(known.index, known.recent);
      const starts = Float64Array.from(ends.subarray(countBelow(ends, endKey(now))), offsetOf).sort();
      for (const offset of starts) yield* entriesOf([offset]);
    },
    census(now) {
      const keys = mergeColumns(known.index, known.recent);
      const { sharers, ...counts } = countedAt(keys, known.revocations.values(), now);
      return { ...counts, rivals: mapped(sharers, entriesOf) };
    },
    revocations: (authority) =>
      [...known.revocations.values()].filter((revocation) => revocation.authority === authority),
    newestCrl: (authority) => known.crls.get(authority),
    lastAuthority: () => Math.max(0, ...known.crls.keys()),
  };
  readOn();
  // it begins with its header, in one step: a file without one has lost it
  if (lines === 0) throw damaged(path, "line 1, which is missing");
  return inventory;
}

/** Begins an inventory where there is none. */
export function createInventory(files: Files, path: string): void {
  if (files.kind(path) !== undefined) return;
  // that of an inventory that was moved away
  files.remove(indexBeside(path));
  files.write(path, encodeHeader().data, { mode: 0o600, exclusive: true });
}

function* mapped<T, U>(values: Iterable<T>, map: (value: T) => U): Generator<U> {
  for (const value of values) yield map(value);
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

function addRevocation(
  { revocations }: Known,
  path: string,
  revoked: RevokeRecord,
  issued: IssueRecord | undefined,
): void {
  if (issued === undefined) {
    throw new FleetsecError("state", `${path} revokes ${revoked.serial}, which it never issued`);
  }
  const { serial, authority, notAfter } = issued;
  if (!revocations.has(serial)) revocations.set(serial, { serial, authority, notAfter, revoked });
}

function indexOf(
  { index, recent, revocations, crls }: Known,
  covered: Pick<InventoryIndex, "length" | "lines" | "sum" | "crc">,
): InventoryIndex {
  return {
    ...covered,
    ...mergeColumns(index, recent),
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
