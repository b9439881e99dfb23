// Preloaded by benchmarks: a process says at its end how much memory it held at most.
import { writeSync } from "node:fs";
import { isMainThread } from "node:worker_threads";

if (isMainThread) {
  process.on("exit", () => {
    writeSync(2, `\npeak-memory ${Math.round(process.resourceUsage().maxRSS / 1024)}\n`);
  });
}
