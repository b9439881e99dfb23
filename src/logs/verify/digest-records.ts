import { hash } from "node:crypto";
import { digestWriter } from "../digest-writer.ts";
import { appendLeaves, growingTree, HASH_SIZE } from "../merkle.ts";
import { BLOCK } from "../records.ts";
import { firstDifference } from "./bundle-findings.ts";
import type { Pace } from "./pace.ts";
import { hashFileRecords, READ, roomToRead } from "./read-records.ts";
import type { StoredFile } from "./store.ts";

/** What one batch at a time is digested in; new memory for each would wait for the garbage collector. */
export interface DigestRoom {
  readonly block: Buffer;
  readonly lines: Buffer;
  readonly hashes: Buffer;
}

export function digestRoom(): DigestRoom {
  return {
    block: roomToRead(READ),
    lines: Buffer.allocUnsafeSlow(BLOCK),
    hashes: Buffer.allocUnsafeSlow(BLOCK),
  };
}

/** The records that are to be digested: of so many bytes, and no more than so many. */
interface Signed {
  readonly bytes: number;
  readonly records: number;
}

/** The tree over a batch's records. Their hashes are not kept: it takes no more memory for many than for few. */
export interface DigestedRecords {
  readonly count: number;
  readonly root: Uint8Array;
  /** What each block of a right sidecar hashes to. */
  readonly blocks: readonly string[];
}

export async function digestRecords(
  file: StoredFile,
  signed: Signed,
  pace: Pace,
  room: DigestRoom,
): Promise<DigestedRecords> {
  const tree = growingTree();
  const blocks: string[] = [];
  const count = await eachBlock(file, signed, pace, room, (hashes) => {
    appendLeaves(tree, hashes);
    blocks.push(digestOf(hashes));
  });
  return { count, root: tree.root(), blocks };
}

/** @param visit is given the hashes block by block, and none at last */
async function eachBlock(
  file: StoredFile,
  signed: Signed,
  pace: Pace,
  { hashes, lines }: DigestRoom,
  visit: (hashes: Buffer) => void,
): Promise<number> {
  const places = { digests: digestWriter(hashes, visit), room: lines };
  const { hashes: rest, count } = await hashFileRecords(file, signed, pace, places);
  if (rest.length > 0) visit(rest);
  return count;
}

/** A block of a sidecar that is not what the records' hashes are. */
export interface OtherBlock {
  readonly index: number;
  /** In the room's block. */
  readonly bytes: Buffer;
}

/** @returns undefined where the sidecar holds the hashes, whatever follows them */
export async function firstOtherBlock(
  sidecar: StoredFile,
  { count, blocks }: DigestedRecords,
  pace: Pace,
  { block }: DigestRoom,
): Promise<OtherBlock | undefined> {
  for (const [index, expected] of blocks.entries()) {
    await pace();
    const into = block.subarray(0, Math.min(BLOCK, count * HASH_SIZE - index * BLOCK));
    const bytes = into.subarray(0, await sidecar.read(into, index * BLOCK));
    if (bytes.length < into.length || digestOf(bytes) !== expected) return { index, bytes };
  }
  return undefined;
}

/** Where in its sidecar a block differs first, by the hashes of the records, which are worked out again. */
export async function offsetOf(
  { index, bytes }: OtherBlock,
  file: StoredFile,
  signed: Signed,
  pace: Pace,
  room: DigestRoom,
): Promise<number> {
  let [n, offset] = [0, 0];
  await eachBlock(file, signed, pace, room, (hashes) => {
    if (n === index) offset = firstDifference(bytes, hashes) ?? 0;
    n += 1;
  });
  return index * BLOCK + offset;
}

function digestOf(block: Buffer): string {
  return hash("sha256", block, "base64");
}
