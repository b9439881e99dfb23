import { workerData } from "node:worker_threads";
import type { Files } from "./platform/files.ts";
import { systemFiles } from "./platform/system-files.ts";
import { serveTask } from "./platform/threads.ts";

/** What other threads do, by name. Each takes and gives plain data. */
const TASKS: Record<string, (files: Files) => Promise<(input: never) => unknown>> = {
  "digest-batch": async (files) => (await import("./logs/verify/digest-batch.ts")).digestTask(files),
};

const task = TASKS[workerData as string];
if (task === undefined) throw new Error(`no task is named ${String(workerData)}`);
serveTask((await task(systemFiles)) as (input: unknown) => unknown);
