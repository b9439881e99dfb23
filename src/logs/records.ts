import { createHash, hash, type Hash } from "node:crypto";
import { type DigestWriter, digestWriter } from "./digest-writer.ts";
import { HASH_SIZE, rootOf, sha256 } from "./merkle.ts";

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

/** Bytes that are taken at once: with 256 KiB and more, reading costs the system four times as much. */
export const BLOCK = 1 << 16;
/** Longer records are hashed piece by piece, which takes longer to begin and is as fast from there on. */
const SHORT = 4096;
const LEAF_PREFIX = Buffer.of(0);
/** Memory that a hasher needs at most. */
export const HASHER_ROOM = 1 + SHORT + BLOCK;

/** Hashes bytes that come block by block, record by record. A long record takes no more memory than a short one. */
export interface RecordHasher {
  /** Where the next bytes are to be put. */
  readonly room: Buffer;
  /** Takes the first `length` bytes of the room as far as records are wanted; gives how many it took. */
  take(length: number): number;
  /** Records so far; one that has begun counts when it has its newline. */
  count(): number;
  /** Closes the last record, which may lack its newline; gives all leaf hashes, one after the other, which are not gone elsewhere. */
  end(): { readonly hashes: Buffer; readonly terminated: boolean };
}

/** What is to be hashed. */
export interface ExpectedRecords {
  /** How many bytes there will be; there may be more. */
  readonly bytes: number;
  /** Likewise, how many records. */
  readonly records: number;
  /** After so many no more are taken. */
  readonly most?: number;
  /** Told where each record begins, in bytes. */
  readonly onRecord?: (start: number) => void;
  /** Where the hashes go, instead of memory for all of them. */
  readonly digests?: DigestWriter;
  /** `HASHER_ROOM` bytes to work in, instead of new ones. */
  readonly memory?: Buffer;
}

/**
 * Most of the time that a short record takes goes into what is around its hash. So its bytes are
 * copied to where a view of just that length stands ready, in the same memory: to make a view of each
 * record, or to copy it to other memory, takes half as long again as to hash it.
 */
export function recordHasher(expected: ExpectedRecords): RecordHasher {
  const { bytes, records, most, onRecord } = expected;
  const size = Math.min(BLOCK, Math.max(1, bytes));
  const short = Math.min(SHORT, size);
  /** The 00 of a leaf, room for a short record, and the block. */
  const memory = expected.memory?.subarray(0, 1 + short + size) ?? Buffer.allocUnsafe(1 + short + size);
  const block = 1 + short;
  memory[0] = 0;
  const views: Buffer[] = [];
  const digests = expected.digests ?? digestWriter(Buffer.allocUnsafe((records + 1) * HASH_SIZE));
  let long: Hash | undefined;
  let [count, position, start] = [0, 0, 0];
  const isEnough = () => most !== undefined && count >= most;
  const begun = () => long ?? createHash("sha256").update(LEAF_PREFIX);

  const digestOf = (from: number, to: number): string => {
    const length = to - from;
    if (long !== undefined || length > short) {
      const digest = begun().update(memory.subarray(from, to)).digest("binary");
      long = undefined;
      return digest;
    }
    memory.copyWithin(1, from, to);
    return hash("sha256", (views[length] ??= memory.subarray(0, 1 + length)), "binary");
  };

  return {
    room: memory.subarray(block),
    count: () => count,
    take(length) {
      const end = block + length;
      let from = block;
      while (!isEnough()) {
        const newline = memory.indexOf(NEWLINE, from);
        if (newline < 0 || newline >= end) break;
        digests.add(digestOf(from, newline));
        onRecord?.(start);
        count += 1;
        from = newline + 1;
        start = position + from - block;
      }
      if (!isEnough() && from < end) {
        long = begun().update(memory.subarray(from, end));
        from = end;
      }
      position += from - block;
      return from - block;
    },
    end() {
      const terminated = long === undefined;
      if (long !== undefined) {
        digests.add(long.digest("binary"));
        onRecord?.(start);
        count += 1;
      }
      return { hashes: digests.end(), terminated };
    },
  };
}

/** The leaf hashes of the records in `data`, one after the other. @param records how many there are */
export function hashLeaves(data: Uint8Array, records: number): Buffer {
  const hasher = recordHasher({ bytes: data.length, records });
  for (let at = 0; at < data.length; at += hasher.room.length) {
    const block = data.subarray(at, at + hasher.room.length);
    hasher.room.set(block);
    hasher.take(block.length);
  }
  return hasher.end().hashes;
}

/** Hashes the records in `data`. */
export function hashRecords(data: Buffer): HashedRecords {
  const records = countRecords(data);
  const hashes = hashLeaves(data, records);
  return { records, hashes, root: rootOf(hashes), sha256: sha256(data).toString("hex") };
}
