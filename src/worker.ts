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
  connect: async (platform) => (await import("./probe/connections.ts")).connectTask(platform),
  "issue-fleet": async (platform) => (await import("./pki/fleet/thread.ts")).fleetTask(platform),
};

/** Those that wait for others more than they work: a thread is at several of them at a time. */
const SIDE_BY_SIDE = ["connect"];

const name = workerData as string;
const task = TASKS[name];
if (task === undefined) throw new Error(`no task is named ${name}`);
const made = (await task(systemPlatform(new AbortController().signal))) as (input: unknown) => unknown;
serveTask(made, SIDE_BY_SIDE.includes(name));
