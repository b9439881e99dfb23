import { endianness } from "node:os";
import { crc32 } from "node:zlib";
import { FleetsecError } from "../errors.ts";
import type { Files } from "../platform/files.ts";
import { type CrlRecord, type IssueRecord, type RevokeRecord, sumBefore } from "./inventory-line.ts";

/**
 * What an inventory says up to some line, so that opening it needs only what came after. It holds
 * nothing that the inventory does not: where it is missing, damaged or of another inventory, it is
 * made anew.
 */
export interface InventoryIndex {
  /** Of the inventory: bytes, lines, the checksum of the last one, and the CRC-32 of all those bytes. */
  readonly length: number;
  readonly lines: number;
  readonly sum: number;
  readonly crc: number;
  /** Of every certificate a key of its name or serial number, and below its 32 bits where its line begins; sorted. */
  readonly names: BigUint64Array<ArrayBuffer>;
  readonly serials: BigUint64Array<ArrayBuffer>;
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
  names: new BigUint64Array(0),
  serials: new BigUint64Array(0),
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

/** @param added keys, and where their lines begin */
export function withKeys(
  keys: BigUint64Array<ArrayBuffer>,
  added: readonly (readonly [key: number, offset: number])[],
): BigUint64Array<ArrayBuffer> {
  const merged = new BigUint64Array(keys.length + added.length);
  merged.set(keys);
  for (const [i, [key, offset]] of added.entries()) merged[keys.length + i] = joined(key, offset);
  return merged.sort();
}

/** Where the lines of a key begin, oldest first. */
export function offsetsOf(keys: BigUint64Array, key: number): number[] {
  const offsets: number[] = [];
  for (let at = firstNotBelow(keys, joined(key, 0)); at < keys.length; at += 1) {
    const entry = keys[at] ?? 0n;
    if (Number(entry >> 32n) !== key) break;
    offsets.push(Number(entry & 0xffff_ffffn));
  }
  return offsets;
}

function joined(key: number, offset: number): bigint {
  return (BigInt(key) << 32n) | BigInt(offset);
}

function firstNotBelow(keys: BigUint64Array, least: bigint): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] ?? 0n) < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

const FORMAT = `fleetsec.inventory-index/v2 ${endianness()}`;
/** Of three million certificates, a million of them revoked. */
const MAX_BYTES = 1 << 28;
const KEY_BYTES = 8;
const SUM_BYTES = 4;

/** A line of JSON that spaces fill to whole keys, the keys, and the CRC-32 of it all. */
export function encodeIndex({ names, serials, ...header }: InventoryIndex): Buffer {
  const text = Buffer.from(JSON.stringify({ format: FORMAT, certificates: names.length, ...header }));
  const filled = Math.ceil((text.length + 1) / KEY_BYTES) * KEY_BYTES;
  const line = Buffer.concat([text, Buffer.alloc(filled - text.length - 1, " "), Buffer.from("\n")]);
  const body = Buffer.concat([line, bytesOf(names), bytesOf(serials)]);
  const sum = Buffer.alloc(SUM_BYTES);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([body, sum]);
}

function bytesOf(keys: BigUint64Array): Uint8Array {
  return new Uint8Array(keys.buffer, keys.byteOffset, keys.byteLength);
}

/** The index of the inventory at `path`; an empty one where there is none that fits it. */
export function readIndex(files: Files, indexPath: string, path: string): InventoryIndex {
  const data = readWhole(files, indexPath);
  if (data === undefined) return EMPTY_INDEX;
  const index = decodeIndex(data);
  return index !== undefined && sumBefore(files, path, index.length) === index.sum ? index : EMPTY_INDEX;
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
  const end = begin + certificates * KEY_BYTES;
  return { ...header, names: keysIn(body.subarray(begin, end)), serials: keysIn(body.subarray(end)) };
}

type Header = Omit<InventoryIndex, "names" | "serials"> & {
  readonly format: string;
  readonly certificates: number;
};

/** A copy, for its place in memory is a multiple of eight. */
function keysIn(bytes: Uint8Array): BigUint64Array<ArrayBuffer> {
  return new BigUint64Array(Uint8Array.from(bytes).buffer);
}
