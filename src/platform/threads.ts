import { availableParallelism } from "node:os";
import { parentPort, Worker } from "node:worker_threads";
import { type ErrorCode, FleetsecError } from "../errors.ts";

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
   * @throws FleetsecError what the task threw, or Error where the thread came to an end
   */
  run(input: unknown, transfer?: readonly ArrayBuffer[]): Promise<unknown>;
  /** Ends the threads, and what they were at. */
  close(): Promise<void>;
}

/** What a thread answers to each input. */
type Answer =
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

/** A thread, and what it has been given, which it answers in that order. */
interface Thread {
  readonly worker: Worker;
  readonly jobs: Job[];
}

function threadPool(script: URL, task: string, count: number): ThreadPool {
  const threads: Thread[] = [];

  const start = (): Thread => {
    const worker = new Worker(script, {
      workerData: task,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG },
    });
    const jobs: Job[] = [];
    const thread = { worker, jobs };
    const end = (error: unknown) => {
      if (threads.includes(thread)) threads.splice(threads.indexOf(thread), 1);
      for (const { reject } of jobs.splice(0)) reject(error);
    };
    worker.on("error", end);
    worker.on("exit", (code) => end(new Error(`a thread of ${task} ended with ${code}`)));
    worker.on("message", (answer: Answer) => {
      const job = jobs.shift();
      if (job === undefined) return;
      if ("value" in answer) job.resolve(answer.value);
      else job.reject(errorOf(answer));
    });
    threads.push(thread);
    return thread;
  };

  /** Where the least is waiting; another thread rather than one that is busy. */
  const next = (): Thread => {
    const least = threads.toSorted((a, b) => a.jobs.length - b.jobs.length)[0];
    if (least !== undefined && (least.jobs.length === 0 || threads.length >= count)) return least;
    return start();
  };

  return {
    run: (input, transfer = []) =>
      new Promise((resolve, reject) => {
        const { worker, jobs } = next();
        jobs.push({ resolve, reject });
        // at once, also to a thread that is busy: it goes on without waiting until we get a turn
        worker.postMessage(input, transfer);
      }),
    async close() {
      await Promise.all(threads.map(({ worker }) => worker.terminate()));
    },
  };
}

function errorOf(answer: Exclude<Answer, { value: unknown }>): Error {
  return "fault" in answer
    ? new Error(answer.fault)
    : new FleetsecError(answer.code, answer.message, { hint: answer.hint });
}

/** In a thread: answers each input with what `task` makes of it, until the pool is closed. */
export function serveTask(task: (input: unknown) => unknown): void {
  const port = parentPort;
  if (port === null) throw new Error("this is no worker thread");
  let last = Promise.resolve();
  port.on("message", (input: unknown) => {
    // one at a time, also where the task waits for something
    last = last.then(async () => port.postMessage(await answerTo(task, input)));
  });
}

async function answerTo(task: (input: unknown) => unknown, input: unknown): Promise<Answer> {
  try {
    return { value: await task(input) };
  } catch (error) {
    if (error instanceof FleetsecError) {
      return { code: error.code, message: error.message, hint: error.hint };
    }
    return { fault: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
