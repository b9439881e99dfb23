import { createHash, hash, type Hash } from "node:crypto";
import { type DigestWriter, digestWriter } from "./digest-writer.ts";
import { HASH_SIZE, rootOf, sha256 } from "./merkle.ts";
import {
  DIGESTS,
  hashRest,
  hashSoon,
  INPUT,
  INPUT_SIZE,
  MAX_DIGESTS,
  MAX_MESSAGE,
  memory,
} from "./sha256/lanes.ts";

/** Records are lines: what stands between newlines, without them, whatever else it holds. */
export const NEWLINE = 0x0a;

/** What a leaf says about the records of its batch, and their hashes. */
export interface HashedRecords {
  readonly records: number;
  /** Leaf hashes of the records, one after the other. */
  readonly hashes: Uint8Array;
  readonly root: Uint8Array;
  /** SHA-256 over all the bytes, in hex. */
  readonly sha256: string;
}

/** How many records `data` holds; the last may lack its newline. */
export function countRecords(data: Buffer): number {
  let records = 0;
  for (let at = data.indexOf(NEWLINE); at >= 0; at = data.indexOf(NEWLINE, at + 1)) records += 1;
  return data.length > 0 && data.at(-1) !== NEWLINE ? records + 1 : records;
}

/** Bytes that are read at once: with 256 KiB and more, reading costs the system four times as much. */
export const BLOCK = INPUT_SIZE;
const LEAF_PREFIX = Buffer.of(0);

/** Hashes bytes that come block by block, record by record. A long record takes no more memory than a short one. */
export interface RecordHasher {
  /** Takes of at most `BLOCK` bytes as many as records are wanted; gives how many it took. */
  take(bytes: Uint8Array): number;
  /** Records so far; one that has begun counts when it has its newline. */
  count(): number;
  /** Closes the last record, which may lack its newline; gives all leaf hashes, one after the other, which are not gone elsewhere. */
  end(): { readonly hashes: Buffer; readonly terminated: boolean };
}

/** What is to be hashed. */
export interface ExpectedRecords {
  /** How many records there will be; there may be more. */
  readonly records: number;
  /** After so many no more are taken. */
  readonly most?: number;
  /** Takes where each record begins, in bytes. */
  readonly starts?: number[] | undefined;
  /** Where the hashes go, instead of memory for all of them. */
  readonly digests?: DigestWriter | undefined;
}

export function recordHasher({ records, most, starts, digests }: ExpectedRecords): RecordHasher {
  const hashes = digests ?? digestWriter(Buffer.allocUnsafe((records + 1) * HASH_SIZE));
  /** A record whose newline has not come, and where it began. */
  let long: Hash | undefined;
  let [count, position, start] = [0, 0, 0];
  const isEnough = () => most !== undefined && count >= most;

  /** @param from where the bytes of the record begin, which are in the memory up to its newline */
  const hashRecord = (from: number, newline: number, place: number): void => {
    if (long !== undefined) {
      memory.write(long.update(memory.subarray(from, newline)).digest("binary"), place, "latin1");
      long = undefined;
    } else if (newline - from < MAX_MESSAGE) {
      hashSoon(0, from, newline, place);
    } else {
      // what was there is done with
      memory[from - 1] = 0;
      memory.write(hash("sha256", memory.subarray(from - 1, newline), "binary"), place, "latin1");
    }
  };

  return {
    count: () => count,
    take(bytes) {
      // memory that threads share is copied eight times as fast to where it is equally aligned
      const begin = INPUT + (bytes.byteOffset % 8);
      memory.set(bytes, begin);
      const end = begin + bytes.length;
      let [from, waiting] = [begin, 0];
      const write = (): void => {
        hashRest();
        hashes.add(memory.subarray(DIGESTS, DIGESTS + waiting * HASH_SIZE));
        waiting = 0;
      };
      while (!isEnough()) {
        const newline = memory.indexOf(NEWLINE, from);
        if (newline < 0 || newline >= end) break;
        hashRecord(from, newline, DIGESTS + waiting * HASH_SIZE);
        waiting += 1;
        count += 1;
        starts?.push(start);
        from = newline + 1;
        start = position + from - begin;
        if (waiting === MAX_DIGESTS) write();
      }
      write();
      if (!isEnough() && from < end) {
        long ??= createHash("sha256").update(LEAF_PREFIX);
        long.update(memory.subarray(from, end));
        from = end;
      }
      position += from - begin;
      return from - begin;
    },
    end() {
      const terminated = long === undefined;
      if (long !== undefined) {
        hashes.add(long.digest());
        starts?.push(start);
        count += 1;
      }
      return { hashes: hashes.end(), terminated };
    },
  };
}

/** The leaf hashes of the records in `data`, one after the other. @param records how many there are */
export function hashLeaves(data: Uint8Array, records: number): Buffer {
  return hashInto(data, records);
}

/** The same, where the hashes go to memory that is there already. */
export function hashInto(data: Uint8Array, records: number, digests?: DigestWriter): Buffer {
  const hasher = recordHasher({ records, digests });
  for (let at = 0; at < data.length; at += BLOCK) hasher.take(data.subarray(at, at + BLOCK));
  return hasher.end().hashes;
}

/** Hashes the records in `data`. */
export function hashRecords(data: Buffer): HashedRecords {
  const records = countRecords(data);
  const hashes = hashLeaves(data, records);
  return { records, hashes, root: rootOf(hashes), sha256: sha256(data).toString("hex") };
}
