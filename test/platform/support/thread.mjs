// The tasks of test/platform/threads.test.ts, in a thread of the built program's own making.
import { threadId, workerData } from "node:worker_threads";
import { FleetsecError } from "../../../dist/errors.js";
import { systemPlatform } from "../../../dist/platform/system.js";
import { serveTask } from "../../../dist/platform/threads.js";

const tasks = {
  double: (n) => ({ doubled: 2 * n, thread: threadId }),
  fail(what) {
    if (what === "fault") throw new FleetsecError("io", "disk full", { hint: "make room" });
    throw new Error("a bug");
  },
  exit: () => process.exit(3),
  sum: (bytes) => bytes.reduce((sum, byte) => sum + byte, 0),
  now: () => systemPlatform(new AbortController().signal).clock.monotonic(),
  wait: (ms) => new Promise((resolve) => setTimeout(() => resolve(ms), ms)),
  "wait-beside": (ms) => tasks.wait(ms),
  forever: () => new Promise(() => setInterval(() => {}, 1000)),
};

if (tasks[workerData] === undefined) throw new Error(`no task ${workerData}`);
serveTask(tasks[workerData], workerData === "wait-beside");
