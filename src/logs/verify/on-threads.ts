import type { Threads } from "../../platform/threads.ts";
import { hashesPath } from "../layout.ts";
import {
  type BatchDigest,
  batchDigester,
  type BatchQuestion,
  type DigestBatch,
  type DigestTask,
} from "./digest-batch.ts";
import { inGroups } from "./in-groups.ts";
import { type OpenMany, openOnThreads } from "./open-checkpoints.ts";
import type { Pace } from "./pace.ts";
import type { StoreReader } from "./store.ts";
import type { VerifyRequest } from "./verification.ts";

/** Opening a small file, or verifying a signature, takes as long as hashing so many bytes. */
const FILE = 1 << 16;

/** Questions that go to a thread together: a message takes as long as a small batch. */
const GROUP = { items: 64, bytes: 4 << 20 };

type Asked = Pick<VerifyRequest, "store" | "threads" | "trust">;

/** The directory of a store of which so much is worth threads. */
function threadedStore({ store, threads: { count, from } }: Asked, work: number): string | undefined {
  return typeof store === "string" && count > 1 && work >= from ? store : undefined;
}

/** How so many checkpoints are opened in bulk, where other threads are faster at it. */
export function opening(
  request: Asked,
  threads: Threads,
  checkpoints: number,
): { readonly openMany: OpenMany | undefined; readonly close: () => Promise<void> } {
  const store = threadedStore(request, checkpoints * 2 * FILE);
  if (store === undefined) return { openMany: undefined, close: () => Promise.resolve() };
  const pool = threads.pool("open-checkpoints", request.threads.count);
  return { openMany: openOnThreads(pool, store, request.trust), close: () => pool.close() };
}

export interface Digesting {
  readonly digest: DigestBatch;
  /** How many batches may be digested at once. */
  readonly abreast: number;
  readonly close: () => Promise<void>;
}

/** How batches of so many bytes are digested: on other threads where that is faster. */
export function digesting(
  request: Asked,
  threads: Threads,
  { batches, bytes }: { readonly batches: number; readonly bytes: number },
  reader: StoreReader,
  pace: Pace,
): Digesting {
  const here = batchDigester(reader, pace);
  const store = threadedStore(request, bytes + batches * FILE);
  if (store === undefined) return { digest: here, abreast: reader.abreast, close: () => Promise.resolve() };
  const { count } = request.threads;
  const pool = threads.pool("digest-batches", count);
  const groups = inGroups<BatchQuestion, BatchDigest | undefined>(
    GROUP,
    ({ bytes: length }) => length,
    async (questions) => {
      const task: DigestTask = { store, questions };
      return (await pool.run(task)) as readonly (BatchDigest | undefined)[];
    },
  );
  const digest: DigestBatch = async (question) => {
    const answer = await groups.ask(question);
    // what a thread cannot read is asked for again here: this reader remembers why
    const isWhole =
      answer?.sidecar !== undefined || (await reader.size(hashesPath(question.seq))) === undefined;
    return answer !== undefined && isWhole ? answer : here(question);
  };
  const close = () => {
    groups.close();
    return pool.close();
  };
  return { digest, abreast: 2 * count * GROUP.items, close };
}
