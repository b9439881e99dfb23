import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { limit } from "../../src/probe/limit.ts";

test("no more run at a time than allowed, in the order in which they came, and a failure frees its place", async () => {
  const limited = limit(3);
  const started: number[] = [];
  let running = 0;
  let most = 0;
  const task = (i: number) => async () => {
    started.push(i);
    running += 1;
    most = Math.max(most, running);
    await delay(i % 3);
    running -= 1;
    if (i === 4) throw new Error("four");
    return i;
  };
  const results = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => limited(task(i))));
  expect(most).toBe(3);
  expect(started).toEqual(Array.from({ length: 20 }, (_, i) => i));
  expect(results.filter(({ status }) => status === "rejected")).toHaveLength(1);
});
