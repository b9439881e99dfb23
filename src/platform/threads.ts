import { availableParallelism } from "node:os";
import type { Worker } from "node:worker_threads";
import { type ErrorCode, FleetsecError } from "../errors.ts";
import { nodeWorkers } from "./builtins.ts";

/** Work on other threads, for what keeps a processor busy. */
export interface Threads {
  /** How many can run at once on this machine. */
  readonly available: number;
  /** Threads for one task, by its name in `src/worker.ts`; each starts when there is work for it. */
  readonly pool: (task: string, count: number) => ThreadPool;
}

export interface ThreadPool {
  /**
   * Runs the task on `input` and gives its result. Both are copied by the structured clone
   * algorithm, but for the buffers in `transfer`, which move to the thread, and for shared memory.
   * @throws FleetsecError what the task threw, or `thread` where the thread came to an end
   */
  run(input: unknown, transfer?: readonly ArrayBuffer[]): Promise<unknown>;
  /** Whether there is a thread, or one could be started: false where the system allows no more. */
  canRun(): boolean;
  /** Starts all threads at once, to be ready when there is work, or as many as the system allows. */
  start(): void;
  /** Ends the threads, and what they were at. */
  close(): Promise<void>;
}

/** What a thread is given, and answers with under the same number. */
interface Question {
  readonly number: number;
  readonly input: unknown;
}

type Answer = { readonly number: number } & Outcome;

type Outcome =
  | { readonly value: unknown }
  | { readonly code: ErrorCode; readonly message: string; readonly hint: string | undefined }
  | { readonly fault: string };

interface Job {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Megabytes for what lives briefly: V8 would take 48 a thread, and is no faster for it here. */
const YOUNG = 8;

/** @param script the composition root of a thread: it calls `serveTask` */
export function systemThreads(script: URL): Threads {
  return { available: availableParallelism(), pool: (task, count) => threadPool(script, task, count) };
}

/** A thread, and what it has been given, by number. */
interface Thread {
  readonly worker: Worker;
  readonly jobs: Map<number, Job>;
}

function threadPool(script: URL, task: string, count: number): ThreadPool {
  const threads: Thread[] = [];
  let given = 0;
  let isRefused = false;

  const start = (): Thread => {
    const worker = new (nodeWorkers().Worker)(script, {
      workerData: task,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG },
    });
    const jobs = new Map<number, Job>();
    const thread = { worker, jobs };
    const end = (error: unknown) => {
      if (threads.includes(thread)) threads.splice(threads.indexOf(thread), 1);
      for (const { reject } of jobs.values()) reject(error);
      jobs.clear();
    };
    worker.on("error", (error: NodeJS.ErrnoException) => {
      // too few files may be open, or too little memory is left, for what a thread begins with
      if (error.code === "ERR_WORKER_INIT_FAILED") isRefused = true;
      end(LOST[error.code ?? ""]?.(task) ?? error);
    });
    worker.on("exit", (code) => end(lost(task, `ended with ${code}`)));
    worker.on("message", (answer: Answer) => {
      const job = jobs.get(answer.number);
      if (job === undefined) return;
      jobs.delete(answer.number);
      if ("value" in answer) job.resolve(answer.value);
      else job.reject(errorOf(answer));
    });
    threads.push(thread);
    return thread;
  };

  /** The system may allow no more: it is not asked again. */
  const startIfAllowed = (): Thread | undefined => {
    try {
      return isRefused ? undefined : start();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ERR_WORKER_INIT_FAILED") throw error;
      isRefused = true;
      return undefined;
    }
  };

  /** Where the least is waiting; another thread rather than one that is busy. */
  const next = (): Thread | undefined => {
    const least = threads.toSorted((a, b) => a.jobs.size - b.jobs.size)[0];
    if (least !== undefined && (least.jobs.size === 0 || threads.length >= count)) return least;
    return startIfAllowed() ?? least;
  };

  return {
    run: (input, transfer = []) =>
      new Promise((resolve, reject) => {
        const thread = next();
        if (thread === undefined) throw new Error(`the system allows no thread for ${task}`);
        const { worker, jobs } = thread;
        const number = (given += 1);
        jobs.set(number, { resolve, reject });
        // at once, also to a thread that is busy: it goes on without waiting until we get a turn
        worker.postMessage({ number, input } satisfies Question, transfer);
      }),
    canRun: () => next() !== undefined,
    start() {
      while (threads.length < count && startIfAllowed() !== undefined);
    },
    async close() {
      await Promise.all(threads.map(({ worker }) => worker.terminate()));
    },
  };
}

/** Faults that are the system's, by their code. */
const LOST: Readonly<Record<string, (task: string) => FleetsecError>> = {
  ERR_WORKER_OUT_OF_MEMORY: (task) => lost(task, "ran out of memory"),
  ERR_WORKER_INIT_FAILED: (task) =>
    new FleetsecError("thread", `the system lets no thread of ${task} begin`, {
      hint: "allow more open files (ulimit -n), or ask for fewer threads",
    }),
};

function lost(task: string, why: string): FleetsecError {
  return new FleetsecError("thread", `a thread of ${task} ${why} before its work was done`, {
    hint: "run again; where the system is short of memory, free some",
  });
}

function errorOf(answer: Exclude<Outcome, { value: unknown }>): Error {
  return "fault" in answer
    ? new Error(answer.fault)
    : new FleetsecError(answer.code, answer.message, { hint: answer.hint });
}

/**
 * In a thread: answers each input with what `task` makes of it, until the pool is closed.
 * @param sideBySide where the task waits for something, the next one is begun meanwhile
 */
export function serveTask(task: (input: unknown) => unknown, sideBySide = false): void {
  const { parentPort: port } = nodeWorkers();
  if (port === null) throw new Error("this is no worker thread");
  let last = Promise.resolve();
  port.on("message", ({ number, input }: Question) => {
    const answer = async () => port.postMessage({ number, ...(await answerTo(task, input)) });
    last = sideBySide ? answer() : last.then(answer);
  });
}

async function answerTo(task: (input: unknown) => unknown, input: unknown): Promise<Outcome> {
  try {
    return { value: await task(input) };
  } catch (error) {
    if (error instanceof FleetsecError) {
      return { code: error.code, message: error.message, hint: error.hint };
    }
    return { fault: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
