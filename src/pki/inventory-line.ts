import { crc32 } from "node:zlib";
import { FleetsecError } from "../errors.ts";
import type { Files } from "../platform/files.ts";
import type { ServiceKind } from "./issuers/issuer.ts";
import type { KeyType } from "./keys.ts";

/** RFC 5280 section 5.3.1, less what asks for holding or delta CRLs. */
export const revocationReasons = [
  "unspecified",
  "keyCompromise",
  "cACompromise",
  "affiliationChanged",
  "superseded",
  "cessationOfOperation",
  "privilegeWithdrawn",
  "aACompromise",
] as const;

export type RevocationReason = (typeof revocationReasons)[number];

/** A certificate that was issued. Times are ISO 8601 in UTC, serials as OpenSSL prints them. */
export interface IssueRecord {
  readonly op: "issue";
  readonly at: string;
  readonly name: string;
  readonly serial: string;
  /** SHA-256 of the certificate's DER, in hex; older versions did not write it. */
  readonly sha256?: string;
  readonly role: string;
  readonly notBefore: string;
  readonly notAfter: string;
  /** As asked for, in seconds: what a renewal asks for again. */
  readonly ttl: number;
  /** Subject alternative names as `dns:…`, `ip:…`, `uri:…`. */
  readonly sans: readonly string[];
  readonly keyType: KeyType;
  /** The generation of the project's own CA that signed it; 0 where a service did. */
  readonly authority: number;
  /** The service that signed it, where one did. */
  readonly issuer?: ServiceKind;
  /** What the roster of a fleet says of it. */
  readonly attributes?: Attributes;
  /** Where its files are, where it has any. */
  readonly files?: IssuedFiles;
}

/** Labels of a certificate's bearer: they are on record, and not in the certificate. */
export type Attributes = Readonly<Record<string, string>>;

export interface IssuedFiles {
  /** The directory of NAME, absolute or relative to the state directory. */
  readonly directory: string;
  readonly generation: number;
}

export interface RevokeRecord {
  readonly op: "revoke";
  readonly at: string;
  readonly serial: string;
  readonly reason: RevocationReason;
}

/** A CRL that was about to be published: its number is used up, whatever comes of it. */
export interface CrlRecord {
  readonly op: "crl";
  readonly at: string;
  readonly authority: number;
  readonly number: number;
}

export type InventoryRecord = IssueRecord | RevokeRecord | CrlRecord;

/** The first line, which says what the file is. */
const HEADER = '{"format":"fleetsec.inventory/v1"';

/** Length of `,"sum":"xxxxxxxx"}`. */
const SUM_LENGTH = 18;

/** Lines as they stand in the file, and the checksum that the next one goes on from. */
export interface EncodedLines {
  readonly data: Buffer;
  readonly sum: number;
  /** Where in `data` each begins. */
  readonly starts: readonly number[];
}

export function encodeHeader(): EncodedLines {
  return seal(HEADER, 0);
}

/**
 * Each line is a JSON object that ends with `"sum"`: the CRC-32 of every line so far, up to where
 * their sums begin. So a line that is changed, lost or moved shows, and where.
 * @param sum that of the line before
 */
export function encodeLines(records: readonly InventoryRecord[], sum: number): EncodedLines {
  const lines: Buffer[] = [];
  const starts: number[] = [];
  let [last, length] = [sum, 0];
  for (const record of records) {
    const line = seal(JSON.stringify(record).slice(0, -1), last);
    lines.push(line.data);
    starts.push(length);
    length += line.data.length;
    last = line.sum;
  }
  return { data: Buffer.concat(lines), sum: last, starts };
}

function seal(open: string, before: number): EncodedLines {
  const sum = crc32(open, before);
  return { data: Buffer.from(`${open}${ending(sum)}\n`), sum, starts: [0] };
}

function ending(sum: number): string {
  return `,"sum":"${sum.toString(16).padStart(8, "0")}"}`;
}

/** What was read from the bytes of an inventory. */
export interface DecodedLines {
  readonly records: readonly InventoryRecord[];
  /** Where in the bytes each begins. */
  readonly starts: readonly number[];
  readonly sum: number;
  /** Bytes up to the end of the last whole line; what follows is the torn end of an interrupted write. */
  readonly length: number;
  readonly lines: number;
}

/**
 * Reads lines that follow `lines` others.
 * @param sum that of the line before
 * @throws FleetsecError `state` that names the line that is damaged
 */
export function decodeLines(data: Buffer, path: string, lines: number, sum: number): DecodedLines {
  const records: InventoryRecord[] = [];
  const starts: number[] = [];
  let at = 0;
  let count = lines;
  let last = sum;
  for (let end = data.indexOf(0x0a); end >= 0; end = data.indexOf(0x0a, at)) {
    count += 1;
    const { open, sum: own } = opened(data.subarray(at, end), last) ?? {};
    if (open === undefined || own === undefined) throw damaged(path, `line ${count}`);
    if (count === 1) requireHeader(open, path);
    else {
      records.push(recordOf(open, path, `line ${count}`));
      starts.push(at);
    }
    last = own;
    at = end + 1;
  }
  return { records, starts, sum: last, length: at, lines: count };
}

/** A line without its checksum, where that goes on from `before`. */
function opened(line: Buffer, before: number): { readonly open: Buffer; readonly sum: number } | undefined {
  const open = line.subarray(0, Math.max(0, line.length - SUM_LENGTH));
  const sum = crc32(open, before);
  return line.toString("latin1", open.length) === ending(sum) ? { open, sum } : undefined;
}

/** Bytes that are read at once for one line: the next one that is asked for is mostly near. */
const BLOCK = 1 << 16;
/** A line in bytes: a roster's may have 16,384 characters. */
const MAX_LINE = 1 << 20;
/** Length of the checksum and what follows it in the line before. */
const BEFORE = `${"0".repeat(8)}"}\n`.length;

/**
 * Reads single lines by where they begin. Each is checked by its own checksum, which goes on from
 * that of the line before it. For lines that are whole: they never change. Gives undefined for one
 * that is damaged.
 * @throws FleetsecError what reading throws
 */
export function lineReader(files: Files, path: string): (offset: number) => InventoryRecord | undefined {
  let [begin, block]: [number, Buffer] = [0, Buffer.alloc(0)];
  const find = (offset: number): Buffer | undefined => {
    const at = offset - begin;
    const end = at < BEFORE ? -1 : block.indexOf(0x0a, at);
    return end < 0 ? undefined : block.subarray(at - BEFORE, end);
  };
  return (offset) => {
    let found = find(offset);
    for (let size = BLOCK; found === undefined && size <= MAX_LINE; size *= 16) {
      begin = offset - BEFORE;
      block = readBlock(files, path, begin, size);
      found = find(offset);
    }
    if (found === undefined) return undefined;
    const before = Number.parseInt(found.toString("latin1", 0, 8), 16);
    const { open } = opened(found.subarray(BEFORE), before) ?? {};
    return open === undefined ? undefined : recordOf(open, path, `byte ${offset}`);
  };
}

/** Bytes that are searched at once: they stay in the processor's cache. */
const SEARCHED = 1 << 17;

/** Where the lines begin that hold some bytes, up to `length`. Bytes of two blocks are searched in both. */
export function linesWith(files: Files, path: string, length: number, bytes: Buffer): ReadonlySet<number> {
  const starts = new Set<number>();
  const file = files.open(path, { follow: true });
  try {
    const block = Buffer.allocUnsafe(SEARCHED + bytes.length);
    for (let begin = 0, read = -1; begin < length && read !== 0; begin += Math.max(1, read - bytes.length)) {
      read = file.read(block, begin);
      const data = block.subarray(0, Math.min(read, length - begin));
      for (let at = data.indexOf(bytes); at >= 0; at = data.indexOf(bytes, at + 1)) {
        starts.add(lineStart(files, path, begin + at));
      }
    }
  } finally {
    file.close();
  }
  return starts;
}

function lineStart(files: Files, path: string, offset: number): number {
  const begin = Math.max(0, offset - MAX_LINE);
  return begin + readBlock(files, path, begin, offset - begin).lastIndexOf(0x0a) + 1;
}

/** The checksum of the line that ends before `offset`; undefined where none does. */
export function sumBefore(files: Files, path: string, offset: number): number | undefined {
  const text = offset < BEFORE ? "" : readBlock(files, path, offset - BEFORE, BEFORE).toString("latin1");
  const [, digits] = /^([0-9a-f]{8})"\}\n$/.exec(text) ?? [];
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
}

function readBlock(files: Files, path: string, position: number, size: number): Buffer {
  const file = files.open(path, { follow: true });
  try {
    const block = Buffer.alloc(Math.max(0, Math.min(size, file.size - position)));
    return block.subarray(0, file.read(block, position));
  } finally {
    file.close();
  }
}

function requireHeader(open: Buffer, path: string): void {
  if (open.toString("latin1") === HEADER) return;
  throw new FleetsecError("state", `${path} is not an inventory that this version reads`, {
    hint: "use the version of fleetsec that wrote it",
  });
}

/** The checksum has matched: what stands there is what some version of fleetsec wrote. */
function recordOf(open: Buffer, path: string, place: string): InventoryRecord {
  const record = JSON.parse(`${open.toString("utf8")}}`) as InventoryRecord;
  if (record.op === "issue" || record.op === "revoke" || record.op === "crl") return record;
  throw new FleetsecError("state", `${path}, ${place} is of a kind that this version does not know`, {
    hint: "use the version of fleetsec that wrote it",
  });
}

export function damaged(path: string, place: string): FleetsecError {
  return new FleetsecError("state", `${path} is damaged at ${place}`, {
    hint: "nothing was changed; restore the file from a backup, or move the state directory away and begin anew",
  });
}
