import { endianness } from "node:os";
import { crc32 } from "node:zlib";
import { FleetsecError } from "../errors.ts";
import type { Files } from "../platform/files.ts";
import { type CrlRecord, type IssueRecord, type RevokeRecord, sumBefore } from "./inventory-line.ts";

/** Keys of certificates, each with where a line begins in the 32 bits below; sorted. */
export type KeyColumn = BigUint64Array<ArrayBuffer>;

/** Of every certificate a key of its name, of its serial number, and of when it ends. */
export interface KeyColumns {
  readonly names: KeyColumn;
  readonly serials: KeyColumn;
  readonly ends: KeyColumn;
}

export const NO_KEYS: KeyColumns = {
  names: new BigUint64Array(0),
  serials: new BigUint64Array(0),
  ends: new BigUint64Array(0),
};

/**
 * What an inventory says up to some line, so that opening it needs only what came after. It holds
 * nothing that the inventory does not: where it is missing, damaged or of another inventory, it is
 * made anew.
 */
export interface InventoryIndex extends KeyColumns {
  /** Of the inventory: bytes, lines, the checksum of the last one, and the CRC-32 of all those bytes. */
  readonly length: number;
  readonly lines: number;
  readonly sum: number;
  readonly crc: number;
  /** In the order of revocation. */
  readonly revocations: readonly Revocation[];
  /** The newest of each authority. */
  readonly crls: readonly CrlRecord[];
}

/** What a CRL says of a certificate, and when it need not any more. */
export interface Revocation extends Pick<IssueRecord, "serial" | "authority" | "notAfter"> {
  readonly revoked: RevokeRecord;
}

export const EMPTY_INDEX: InventoryIndex = {
  length: 0,
  lines: 0,
  sum: 0,
  crc: 0,
  ...NO_KEYS,
  revocations: [],
  crls: [],
};

/** Two names may have one key: what is found is to be compared. */
export function nameKey(name: string): number {
  return crc32(name);
}

/** The first eight hexadecimal digits. */
export function serialKey(serial: string): number {
  return Number.parseInt(serial.slice(0, 8).padEnd(8, "0"), 16) >>> 0;
}

const LAST_END = 0xffff_ffff;

/** Of a time in milliseconds: the whole seconds, up to 2106. What is no time never comes to an end. */
export function endKey(notAfter: number): number {
  return Number.isNaN(notAfter) ? LAST_END : Math.min(Math.max(0, Math.floor(notAfter / 1000)), LAST_END);
}

/** The columns with certificates that are new; where the line of each begins is in `starts`. */
export function withCertificates(
  { names, serials, ends }: KeyColumns,
  issued: readonly Pick<IssueRecord, "name" | "serial" | "notAfter">[],
  starts: readonly number[],
): KeyColumns {
  const keysBy = (key: (one: (typeof issued)[number]) => number) =>
    issued.map((one, i) => [key(one), starts[i] ?? 0] as const);
  return {
    names: withKeys(
      names,
      keysBy(({ name }) => nameKey(name)),
    ),
    serials: withKeys(
      serials,
      keysBy(({ serial }) => serialKey(serial)),
    ),
    ends: withKeys(
      ends,
      keysBy(({ notAfter }) => endKey(Date.parse(notAfter))),
    ),
  };
}

/** @param added keys, and where their lines begin */
export function withKeys(
  keys: KeyColumn,
  added: readonly (readonly [key: number, offset: number])[],
): KeyColumn {
  return merged(keys, BigUint64Array.from(added, ([key, offset]) => joined(key, offset)).sort());
}

export function mergeColumns(a: KeyColumns, b: KeyColumns): KeyColumns {
  return {
    names: merged(a.names, b.names),
    serials: merged(a.serials, b.serials),
    ends: merged(a.ends, b.ends),
  };
}

/** @param few sorted, as `many` is */
function merged(many: KeyColumn, few: KeyColumn): KeyColumn {
  if (few.length === 0) return many;
  const all = new BigUint64Array(many.length + few.length);
  let from = 0;
  for (const [i, entry] of few.entries()) {
    const to = firstNotBelow(many, entry);
    all.set(many.subarray(from, to), from + i);
    all[to + i] = entry;
    from = to;
  }
  all.set(many.subarray(from), from + few.length);
  return all;
}

/** Where the lines of a key begin, oldest first. */
export function offsetsOf(keys: KeyColumn, key: number): number[] {
  const offsets: number[] = [];
  for (let at = firstNotBelow(keys, joined(key, 0)); at < keys.length; at += 1) {
    const entry = keys[at] ?? 0n;
    if (entry >> 32n !== BigInt(key)) break;
    offsets.push(offsetOf(entry));
  }
  return offsets;
}

export function countBelow(keys: KeyColumn, key: number): number {
  return firstNotBelow(keys, joined(key, 0));
}

/** Which half of a number is its upper one, where halves are looked at: that is much faster than shifting. */
const UPPER = endianness() === "LE" ? 1 : 0;

/** Keys that stand there more than once, with where their lines begin, oldest first. */
export function* repeatedKeys(keys: KeyColumn): Generator<readonly number[]> {
  const halves = new Uint32Array(keys.buffer, keys.byteOffset, 2 * keys.length);
  for (let from = 0, to = 1; from < keys.length; from = to, to += 1) {
    const key = halves[2 * from + UPPER];
    while (to < keys.length && halves[2 * to + UPPER] === key) to += 1;
    if (to - from > 1) yield Array.from(keys.subarray(from, to), offsetOf);
  }
}

function joined(key: number, offset: number): bigint {
  return (BigInt(key) << 32n) | BigInt(offset);
}

export function offsetOf(entry: bigint): number {
  return Number(entry & 0xffff_ffffn);
}

function firstNotBelow(keys: KeyColumn, least: bigint): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] ?? 0n) < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

const FORMAT = `fleetsec.inventory-index/v3 ${endianness()}`;
/** Of three million certificates, a million of them revoked. */
const MAX_BYTES = 1 << 28;
const KEY_BYTES = 8;
const SUM_BYTES = 4;

/** A line of JSON that spaces fill to whole keys, the keys, and the CRC-32 of it all. */
export function encodeIndex({ names, serials, ends, ...header }: InventoryIndex): Buffer {
  const text = Buffer.from(JSON.stringify({ format: FORMAT, certificates: names.length, ...header }));
  const filled = Math.ceil((text.length + 1) / KEY_BYTES) * KEY_BYTES;
  const line = Buffer.concat([text, Buffer.alloc(filled - text.length - 1, " "), Buffer.from("\n")]);
  const body = Buffer.concat([line, ...[names, serials, ends].map(bytesOf)]);
  const sum = Buffer.alloc(SUM_BYTES);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([body, sum]);
}

function bytesOf(keys: KeyColumn): Uint8Array {
  return new Uint8Array(keys.buffer, keys.byteOffset, keys.byteLength);
}

/**
 * The index of the inventory at `path`; an empty one where there is none that fits it.
 * @throws FleetsecError `state` where the inventory is shorter: an index covers what is on disk already
 */
export function readIndex(files: Files, indexPath: string, path: string): InventoryIndex {
  const data = readWhole(files, indexPath);
  if (data === undefined) return EMPTY_INDEX;
  const index = decodeIndex(data);
  if (index !== undefined && files.stat(path).size < index.length) throw wasCut(indexPath, path, index);
  return index !== undefined && sumBefore(files, path, index.length) === index.sum ? index : EMPTY_INDEX;
}

function wasCut(indexPath: string, path: string, { lines }: InventoryIndex): FleetsecError {
  return new FleetsecError("state", `the end of ${path} is missing: it had ${lines} lines and more`, {
    hint: `nothing was changed; restore the newest inventory; after going back to an older one, with all of the state directory, remove ${indexPath}`,
  });
}

function readWhole(files: Files, path: string): Buffer | undefined {
  if (files.kind(path) !== "file") return undefined;
  try {
    return files.read(path, MAX_BYTES);
  } catch (error) {
    // for instance another user's: the inventory itself says whether that is a fault
    if (error instanceof FleetsecError) return undefined;
    throw error;
  }
}

function decodeIndex(data: Buffer): InventoryIndex | undefined {
  const body = data.subarray(0, Math.max(0, data.length - SUM_BYTES));
  if (data.length < SUM_BYTES || crc32(body) !== data.readUInt32BE(body.length)) return undefined;
  const begin = body.indexOf(0x0a) + 1;
  const { format, certificates, ...header } = JSON.parse(body.toString("utf8", 0, begin)) as Header;
  if (format !== FORMAT) return undefined;
  const column = (n: number) =>
    keysIn(body.subarray(begin + n * certificates * KEY_BYTES, begin + (n + 1) * certificates * KEY_BYTES));
  return { ...header, names: column(0), serials: column(1), ends: column(2) };
}

type Header = Omit<InventoryIndex, keyof KeyColumns> & {
  readonly format: string;
  readonly certificates: number;
};

/** A copy, for its place in memory is a multiple of eight. */
function keysIn(bytes: Uint8Array): KeyColumn {
  return new BigUint64Array(Uint8Array.from(bytes).buffer);
}
