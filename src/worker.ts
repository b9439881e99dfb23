import { workerData } from "node:worker_threads";
import type { Platform } from "./platform/platform.ts";
import { systemPlatform } from "./platform/system.ts";
import { serveTask } from "./platform/threads.ts";

/** What other threads do, by name. Each takes and gives plain data. */
const TASKS: Record<string, (platform: Platform) => Promise<(input: never) => unknown>> = {
  "digest-batches": async ({ files }) => (await import("./logs/verify/digest-batch.ts")).digestTask(files),
  "open-checkpoints": async ({ files }) =>
    (await import("./logs/verify/open-checkpoints.ts")).openTask(files),
  "hash-range": async () => (await import("./logs/sign/ranges.ts")).hashRange,
  "write-file": async ({ files }) => (await import("./logs/sign/threads.ts")).writeTask(files),
  "issue-fleet": async (platform) => (await import("./pki/fleet/thread.ts")).fleetTask(platform),
};

const task = TASKS[workerData as string];
if (task === undefined) throw new Error(`no task is named ${String(workerData)}`);
serveTask((await task(systemPlatform(new AbortController().signal))) as (input: unknown) => unknown);
