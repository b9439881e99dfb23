import type { Files } from "../../platform/files.ts";
import { batchPath, hashesPath } from "../layout.ts";
import type { BatchLeaf } from "../leaf.ts";
import { HASH_SIZE, rootOf } from "../merkle.ts";
import { BLOCK } from "../records.ts";
import { firstDifference } from "./bundle-findings.ts";
import type { Pace } from "./pace.ts";
import { hashFileRecords, hashOfFile } from "./read-records.ts";
import { directoryReader, type StoreReader } from "./store.ts";

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
  /** The records and the root over them; only of signed bytes, and only where it was asked for. */
  readonly records?: { readonly count: number; readonly root: Uint8Array };
  /** The sidecar's length, and where it differs from the records' hashes first, where they were worked out. */
  readonly sidecar?: { readonly size: number; readonly offset: number | undefined };
}

/** @returns undefined where there is no batch, or it cannot be read */
export type DigestBatch = (question: BatchQuestion) => Promise<BatchDigest | undefined>;

/** All that judging a batch takes of the processor. */
export function batchDigester(reader: StoreReader, pace: Pace): DigestBatch {
  // one that a file is being read into is not there for another
  let spare = Buffer.alloc(0);
  return ({ seq, bytes, records, sha256: signed, deep }) =>
    reader.withFile(batchPath(seq), async (file) => {
      const room = Math.min(BLOCK, Math.max(1, bytes));
      const chunk = spare.length < room ? Buffer.allocUnsafe(room) : spare;
      spare = Buffer.alloc(0);
      const { sha256 } = await hashOfFile(file, bytes, pace, chunk);
      spare = chunk;
      const size = await reader.size(hashesPath(seq));
      const plain = { size: file.size, sha256 };
      if (!deep || sha256 !== signed) {
        return { ...plain, ...(size === undefined ? {} : { sidecar: { size, offset: undefined } }) };
      }
      const { hashes } = await hashFileRecords(file, { bytes, records: records + 1 }, pace);
      const sidecar = await reader.read(hashesPath(seq), hashes.length);
      return {
        ...plain,
        records: { count: hashes.length / HASH_SIZE, root: rootOf(hashes) },
        ...(sidecar === undefined
          ? {}
          : { sidecar: { size: sidecar.length, offset: firstDifference(sidecar, hashes) } }),
      };
    });
}

/** What a thread of the task `digest-batch` is given. */
export interface DigestTask {
  /** The store's directory, absolute. */
  readonly store: string;
  readonly question: BatchQuestion;
}

/** The same on another thread; it has nothing else to do, so it need not pause. */
export function digestTask(files: Files): (task: DigestTask) => Promise<BatchDigest | undefined> {
  const digesters = new Map<string, DigestBatch>();
  return ({ store, question }) => {
    const digest =
      digesters.get(store) ?? batchDigester(directoryReader(files, store), () => Promise.resolve());
    digesters.set(store, digest);
    return digest(question);
  };
}
