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
   * algorithm, but for the buffers in `transfer`, which move to the thread.
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
  readonly input: unknown;
  readonly transfer: readonly ArrayBuffer[];
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Megabytes for what lives briefly: V8 would take 48 a thread, and is no faster for it here. */
const YOUNG = 8;

/** @param script the composition root of a thread: it calls `serveTask` */
export function systemThreads(script: URL): Threads {
  return { available: availableParallelism(), pool: (task, count) => threadPool(script, task, count) };
}

function threadPool(script: URL, task: string, count: number): ThreadPool {
  const waiting: Job[] = [];
  const idle: Worker[] = [];
  const busy = new Map<Worker, Job>();

  const start = (): Worker => {
    const worker = new Worker(script, {
      workerData: task,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG },
    });
    const end = (error: unknown) => {
      const job = busy.get(worker);
      busy.delete(worker);
      for (const { reject } of [...(job === undefined ? [] : [job]), ...waiting.splice(0)]) reject(error);
    };
    worker.on("error", end);
    worker.on("exit", (code) => end(new Error(`a thread of ${task} ended with ${code}`)));
    worker.on("message", (answer: Answer) => {
      const job = busy.get(worker);
      busy.delete(worker);
      idle.push(worker);
      next();
      if (job === undefined) return;
      if ("value" in answer) job.resolve(answer.value);
      else job.reject(errorOf(answer));
    });
    return worker;
  };

  const next = (): void => {
    while (waiting.length > 0 && (idle.length > 0 || busy.size < count)) {
      const job = waiting.shift() as Job;
      const worker = idle.pop() ?? start();
      busy.set(worker, job);
      worker.postMessage(job.input, job.transfer);
    }
  };

  return {
    run: (input, transfer = []) =>
      new Promise((resolve, reject) => {
        waiting.push({ input, transfer, resolve, reject });
        next();
      }),
    async close() {
      await Promise.all([...idle, ...busy.keys()].map((worker) => worker.terminate()));
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
  port.on("message", (input: unknown) => {
    void answerTo(task, input).then((answer) => port.postMessage(answer));
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
