import { EventEmitter } from "node:events";
import { expect, test, vi } from "vitest";
import { HASH_SIZE } from "../../src/logs/merkle.ts";
import { hashRange, RANGE } from "../../src/logs/sign/ranges.ts";
import { signingThreads } from "../../src/logs/sign/threads.ts";
import { openOnThreads } from "../../src/logs/verify/open-checkpoints.ts";
import * as builtins from "../../src/platform/builtins.ts";
import { systemFiles } from "../../src/platform/system-files.ts";
import { systemThreads } from "../../src/platform/threads.ts";

const threads = systemThreads(new URL("support/thread.mjs", import.meta.url));

/** A system that allows so many threads more: what node throws then, as under a limit on processes. */
function allow(more: number): void {
  const real = builtins.nodeWorkers();
  let left = more;
  const Worker = function (...args: ConstructorParameters<typeof real.Worker>) {
    if (left === 0) throw Object.assign(new Error("EAGAIN"), { code: "ERR_WORKER_INIT_FAILED" });
    left -= 1;
    return new real.Worker(...args);
  };
  vi.spyOn(builtins, "nodeWorkers").mockReturnValue({ ...real, Worker } as unknown as typeof real);
}

test("where the system allows fewer threads than are asked for, those do the work", async () => {
  allow(1);
  const pool = threads.pool("double", 3);
  pool.start();
  expect(pool.canRun()).toBe(true);
  const answers = (await Promise.all([1, 2, 3, 4].map((n) => pool.run(n)))) as Record<string, number>[];
  expect(answers.map(({ doubled }) => doubled)).toEqual([2, 4, 6, 8]);
  expect(new Set(answers.map(({ thread }) => thread)).size).toBe(1);
  await pool.close();
});

test("a thread that runs out of memory is lost, one that fails by itself is a bug", async () => {
  const real = builtins.nodeWorkers();
  const failingThreads = (error: Error) => {
    const Worker = function () {
      const worker = new EventEmitter();
      return Object.assign(worker, { postMessage: () => worker.emit("error", error), terminate: () => {} });
    };
    vi.spyOn(builtins, "nodeWorkers").mockReturnValue({ ...real, Worker } as unknown as typeof real);
    return threads;
  };
  const failing = (error: Error) => failingThreads(error).pool("double", 1).run(1);
  const outOfMemory = Object.assign(new Error("heap"), { code: "ERR_WORKER_OUT_OF_MEMORY" });
  await expect(failing(outOfMemory)).rejects.toMatchObject({ code: "thread" });
  const refused = Object.assign(new Error("Worker initialization failure: EMFILE"), {
    code: "ERR_WORKER_INIT_FAILED",
  });
  await expect(failing(refused)).rejects.toMatchObject({
    code: "thread",
    hint: expect.stringContaining("ulimit -n") as string,
  });
  // whoever signs hashes those lines itself
  const lines = Buffer.from("a record\n".repeat(RANGE));
  const [hashes, expected] = [Buffer.alloc(RANGE * HASH_SIZE), Buffer.alloc(RANGE * HASH_SIZE)];
  const here = hashRange({ lines, hashes: expected });
  const signing = signingThreads(systemFiles, failingThreads(refused), { count: 2, from: 0 });
  expect(await signing.hash({ lines, hashes })).toEqual(here);
  expect(hashes).toEqual(expected);
  await expect(failing(new Error("a bug"))).rejects.toThrow(/^a bug$/);
});

test("where it allows none, whoever asks is told so, and does the work", async () => {
  allow(0);
  const pool = threads.pool("double", 2);
  pool.start();
  expect(pool.canRun()).toBe(false);
  await expect(pool.run(1)).rejects.toThrow("allows no thread");
  const lines = Buffer.from("a record\n".repeat(RANGE));
  const [hashes, expected] = [Buffer.alloc(RANGE * HASH_SIZE), Buffer.alloc(RANGE * HASH_SIZE)];
  const here = hashRange({ lines, hashes: expected });
  const signing = signingThreads(systemFiles, threads, { count: 2, from: 0 });
  signing.expect(1);
  expect(await signing.hash({ lines, hashes })).toEqual(here);
  expect(hashes).toEqual(expected);
  await signing.close();
  const trust = { logs: [], witnesses: new Map() } as unknown as Parameters<typeof openOnThreads>[2];
  expect(await openOnThreads(pool, "/none", trust)([1, 2], "example.com")).toEqual([undefined, undefined]);
});
