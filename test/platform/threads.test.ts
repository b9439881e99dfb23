import { afterEach, describe, expect, test } from "vitest";
import { systemPlatform } from "../../src/platform/system.ts";
import { systemThreads, type ThreadPool } from "../../src/platform/threads.ts";

const threads = systemThreads(new URL("support/thread.mjs", import.meta.url));
const open: ThreadPool[] = [];
afterEach(() => Promise.all(open.splice(0).map((made) => made.close())));

function pool(task: string, count = 2): ThreadPool {
  const made = threads.pool(task, count);
  open.push(made);
  return made;
}

describe("threads", () => {
  test("each input gets its own result, on no more threads than asked for", async () => {
    const made = pool("double");
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => made.run(i)));
    expect(answers.map((answer) => (answer as { doubled: number }).doubled)).toEqual(
      Array.from({ length: 40 }, (_, i) => 2 * i),
    );
    const ids = new Set(answers.map((answer) => (answer as { thread: number }).thread));
    expect(ids.size).toBeLessThanOrEqual(2);
  });

  test("one thread is at one input at a time, unless its task mostly waits", async () => {
    const order = async (task: string) => {
      const made = pool(task, 1);
      const done: unknown[] = [];
      await Promise.all([300, 1].map(async (ms) => done.push(await made.run(ms))));
      return done;
    };
    expect(await order("wait")).toEqual([300, 1]);
    expect(await order("wait-beside")).toEqual([1, 300]);
  });

  test("have one monotonic clock", async () => {
    const { clock } = systemPlatform(new AbortController().signal);
    const before = clock.monotonic();
    const there = (await pool("now").run(undefined)) as number;
    expect(there).toBeGreaterThanOrEqual(before);
    expect(there).toBeLessThanOrEqual(clock.monotonic());
  });

  test("what a task throws is thrown here: a user's fault with its code and hint, a bug as a bug", async () => {
    const made = pool("fail");
    await expect(made.run("fault")).rejects.toMatchObject({
      code: "io",
      message: "disk full",
      hint: "make room",
    });
    await expect(made.run("bug")).rejects.toThrow("a bug");
    await expect(made.run("bug")).rejects.not.toHaveProperty("code");
  });

  test("a thread that comes to an end rejects its input and those that wait", async () => {
    const made = pool("exit", 1);
    const outcomes = await Promise.allSettled([made.run(1), made.run(2)]);
    const codes = outcomes.map(
      (outcome) => outcome.status === "rejected" && (outcome.reason as { code?: unknown }).code,
    );
    expect(codes).toEqual(["thread", "thread"]);
  });

  test("threads that are started beforehand do the work, and no more are started", async () => {
    const made = pool("double");
    made.start();
    const { thread: first } = (await made.run(1)) as { thread: number };
    // threads are numbered in the order in which they are made: there is a second one of the first pool
    const { thread: next } = (await pool("double", 1).run(1)) as { thread: number };
    expect(next - first).toBe(2);
    // the control: without a start there is one for the first input, and no more
    const { thread: lazy } = (await pool("double").run(1)) as { thread: number };
    const { thread: last } = (await pool("double", 1).run(1)) as { thread: number };
    expect(last - lazy).toBe(1);
  });

  test("an unknown task is a fault", async () => {
    await expect(pool("nothing").run(1)).rejects.toThrow("nothing");
  });

  test("buffers that are transferred are moved", async () => {
    const bytes = new Uint8Array([1, 2, 3]);
    await expect(pool("sum").run(bytes, [bytes.buffer])).resolves.toBe(6);
    expect(bytes.byteLength).toBe(0);
  });

  test("a pool that is closed ends what its threads were at", async () => {
    const made = pool("forever", 1);
    const outcome = made.run(1);
    outcome.catch(() => undefined);
    await made.close();
    await expect(outcome).rejects.toThrow("ended");
  });
});
