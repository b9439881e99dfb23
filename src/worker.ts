import { workerData } from "node:worker_threads";
import type { Platform } from "./platform/platform.ts";
import { systemFiles } from "./platform/system-files.ts";
import { serveTask } from "./platform/threads.ts";

/** What other threads do, by name. Each takes and gives plain data. */
const TASKS: Record<string, () => Promise<(input: never) => unknown>> = {
  "digest-batches": async () => (await import("./logs/verify/digest-batch.ts")).digestTask(systemFiles),
  "open-checkpoints": async () => (await import("./logs/verify/open-checkpoints.ts")).openTask(systemFiles),
  "hash-range": async () => (await import("./logs/sign/ranges.ts")).hashRange,
  "write-file": async () => (await import("./logs/sign/threads.ts")).writeTask(systemFiles),
  connect: async () => (await import("./probe/connections.ts")).connectTask(await platform()),
  "issue-fleet": async () => (await import("./pki/fleet/thread.ts")).fleetTask(await platform()),
};

/** Those that wait for others more than they work: a thread is at several of them at a time. */
const SIDE_BY_SIDE = ["connect"];

/** All of it: loaded where a task needs more than files. */
async function platform(): Promise<Platform> {
  const { systemPlatform } = await import("./platform/system.ts");
  return systemPlatform(new AbortController().signal);
}

async function serve(name: string): Promise<void> {
  const task = TASKS[name];
  if (task === undefined) throw new Error(`no task is named ${name}`);
  const made = (await task()) as (input: unknown) => unknown;
  serveTask(made, SIDE_BY_SIDE.includes(name));
}

void serve(workerData as string);
