import type { ThreadPool, Threads } from "../../platform/threads.ts";
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
import { sharedWork } from "./shared-work.ts";
import type { StoreReader } from "./store.ts";
import { unlessLost } from "./unless-lost.ts";
import type { VerifyRequest } from "./verification.ts";

/** Opening a small file, or verifying a signature, takes as long as hashing so many bytes. */
const FILE = 1 << 16;

/** Questions that go to a thread together: a message takes as long as a small batch. */
const GROUP = { items: 64, bytes: 4 << 20 };

/** Fewer checkpoints are opened here sooner than a thread starts. */
const OPENED_FROM = 256;

type Asked = Pick<VerifyRequest, "store" | "threads" | "trust">;

/** How so many checkpoints are opened in bulk, where other threads are faster at it. */
export function opening(
  { store, threads: { count, from }, trust }: Asked,
  threads: Threads,
  checkpoints: number,
): { readonly openMany: OpenMany | undefined; readonly close: () => Promise<void> } {
  const isWorthIt = count > 1 && checkpoints >= OPENED_FROM && checkpoints * 2 * FILE >= from;
  if (typeof store !== "string" || !isWorthIt) return { openMany: undefined, close: () => Promise.resolve() };
  const pool = threads.pool("open-checkpoints", count);
  return { openMany: openOnThreads(pool, store, trust), close: () => pool.close() };
}

/** The threads that help to digest a store's batches; none where one is enough. */
export interface Crew {
  readonly store: string;
  readonly pool: ThreadPool;
}

/**
 * The threads that work beside this one. Where they are asked for whatever the store holds, they start
 * now, before it is looked at.
 */
export function crewFor(
  { store, leaves, threads: asked }: Pick<VerifyRequest, "store" | "leaves" | "threads">,
  threads: Threads,
): Crew | undefined {
  if (typeof store !== "string" || leaves === "records" || asked.count < 2) return undefined;
  const pool = threads.pool("digest-batches", asked.count - 1);
  if (asked.from === 0) pool.start();
  return { store, pool };
}

export interface Digesting {
  readonly digest: DigestBatch;
  /** How many batches may be digested at once. */
  readonly abreast: number;
  readonly close: () => void;
}

/** How batches of so many bytes are digested: on other threads too where that is faster. */
export function digesting(
  { threads: { count, from } }: Pick<VerifyRequest, "threads">,
  crew: Crew | undefined,
  { batches, bytes }: { readonly batches: number; readonly bytes: number },
  reader: StoreReader,
  pace: Pace,
): Digesting {
  const here = batchDigester(reader, pace);
  if (crew === undefined || bytes + batches * FILE < from)
    return { digest: here, abreast: reader.abreast, close: () => {} };
  const { store, pool } = crew;
  type Questions = readonly BatchQuestion[];
  let closed = false;
  const work = sharedWork<Questions, Digests>(
    async (questions, ticket) => {
      // what no thread takes is done here
      if (!pool.canRun()) return undefined;
      const task: DigestTask = { store, questions, ticket };
      const digests = await unlessLost(pool.run(task) as Promise<Digests | undefined>, () => []);
      // a thread that is ended with the verification leaves nothing to do
      if (digests === undefined || closed) return undefined;
      const whole: (BatchDigest | undefined)[] = [];
      for (const [i, question] of questions.entries())
        whole.push(await wholeDigest(digests[i], question, here, reader));
      return whole;
    },
    async (questions) => {
      const digests: (BatchDigest | undefined)[] = [];
      for (const question of questions) digests.push(await here(question));
      return digests;
    },
  );
  const groups = inGroups<BatchQuestion, BatchDigest | undefined>(
    GROUP,
    ({ bytes: length }) => length,
    work.run,
  );
  const close = () => {
    closed = true;
    groups.close();
    work.close();
  };
  return { digest: groups.ask, abreast: 2 * count * GROUP.items, close };
}

type Digests = readonly (BatchDigest | undefined)[];

/** What a thread could not read, or did not come to, is asked for again here: this reader remembers why. */
async function wholeDigest(
  digest: BatchDigest | undefined,
  question: BatchQuestion,
  here: DigestBatch,
  reader: StoreReader,
): Promise<BatchDigest | undefined> {
  const isWhole =
    digest?.sidecar !== undefined || (await reader.size(hashesPath(question.seq))) === undefined;
  return digest !== undefined && isWhole ? digest : here(question);
}
