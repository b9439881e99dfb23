import type { Files } from "../../platform/files.ts";
import { batchPath, hashesPath } from "../layout.ts";
import type { BatchLeaf } from "../leaf.ts";
import { HASH_SIZE } from "../merkle.ts";
import { type DigestRoom, digestRecords, digestRoom, firstOtherBlock, offsetOf } from "./digest-records.ts";
import type { Pace } from "./pace.ts";
import { take, type Ticket } from "./shared-work.ts";
import { hashOfFile } from "./read-records.ts";
import { directoryReader, type StoredFile, type StoreReader } from "./store.ts";

/** A batch to digest, as its leaf says it is. Plain data: it goes to another thread. */
export interface BatchQuestion extends Pick<BatchLeaf, "seq" | "bytes" | "records" | "sha256"> {
  /** Whether the tree over the records and the sidecar are recomputed too. */
  readonly deep: boolean;
}

/** What a batch is found to be. */
export interface BatchDigest {
  /** Of the batch file, in bytes. */
  readonly size: number;
  /** Of its first bytes, as many as its leaf says, in hex. */
  readonly sha256: string;
  /** The records and the root over them, in hex; only of signed bytes, and only where it was asked for. */
  readonly records?: { readonly count: number; readonly root: string };
  /** The sidecar's length, and where it differs from the records' hashes first, where they were worked out. */
  readonly sidecar?: { readonly size: number; readonly offset: number | undefined };
}

/** @returns undefined where there is no batch, or it cannot be read */
export type DigestBatch = (question: BatchQuestion) => Promise<BatchDigest | undefined>;

/**
 * All that judging a batch takes of the processor. Several batches may be under way: each has a room
 * of its own, and one that is done leaves it to the next.
 */
export function batchDigester(reader: StoreReader, pace: Pace): DigestBatch {
  const spare: DigestRoom[] = [];
  return async (question) => {
    const room = spare.pop() ?? digestRoom();
    const digest = await reader.withFile(batchPath(question.seq), (file) =>
      digestIn(room, file, question, reader, pace),
    );
    spare.push(room);
    return digest;
  };
}

async function digestIn(
  room: DigestRoom,
  file: StoredFile,
  { seq, bytes, records: claimed, sha256: signed, deep }: BatchQuestion,
  reader: StoreReader,
  pace: Pace,
): Promise<BatchDigest> {
  const { sha256, bytes: read } = await hashOfFile(file, bytes, pace, room.block);
  const { size } = file;
  if (!deep || sha256 !== signed) {
    const length = await reader.size(hashesPath(seq));
    return length === undefined
      ? { size, sha256 }
      : { size, sha256, sidecar: { size: length, offset: undefined } };
  }
  // one more than is claimed tells that there are more
  const limits = { bytes, records: claimed + 1 };
  const records = await digestRecords(
    bytes <= room.block.length ? readAlready(room.block.subarray(0, read), file) : file,
    limits,
    pace,
    room,
  );
  const { count } = records;
  // a string goes to another thread faster than bytes, whose memory is also collected later
  const root = Buffer.from(records.root).toString("hex");
  const sidecar = await reader.withFile(hashesPath(seq), async (stored) => ({
    size: stored.size,
    other: await firstOtherBlock(stored, records, pace, room),
  }));
  if (sidecar === undefined) return { size, sha256, records: { count, root } };
  const { size: length, other } = sidecar;
  const end = count * HASH_SIZE;
  const offset =
    (other && (await offsetOf(other, file, limits, pace, room))) ?? (length > end ? end : undefined);
  return { size, sha256, records: { count, root }, sidecar: { size: length, offset } };
}

/** A file that is no longer than a block, which holds what was read of it. */
function readAlready(bytes: Buffer, { size }: StoredFile): StoredFile {
  return { size, read: (into, position) => bytes.copy(into, 0, position) };
}

/** What a thread of the task `digest-batches` is given. */
export interface DigestTask {
  /** The store's directory, absolute. */
  readonly store: string;
  readonly questions: readonly BatchQuestion[];
  /** Whoever takes it first does the work. */
  readonly ticket: Ticket;
}

/**
 * The same on another thread, of one batch after the other; it has nothing else to do, so it need not pause.
 * Gives undefined for what another thread took first.
 */
export function digestTask(
  files: Files,
): (task: DigestTask) => Promise<(BatchDigest | undefined)[] | undefined> {
  const digesters = new Map<string, DigestBatch>();
  return async ({ store, questions, ticket }) => {
    if (!take(ticket)) return undefined;
    const digest =
      digesters.get(store) ?? batchDigester(directoryReader(files, store), () => Promise.resolve());
    digesters.set(store, digest);
    const digests: (BatchDigest | undefined)[] = [];
    for (const question of questions) digests.push(await digest(question));
    return digests;
  };
}
