import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { systemPlatform } from "../../src/platform/system.ts";

const own = new AbortController();
const { clock } = systemPlatform(own.signal);

test("a sleep takes its time", async () => {
  const began = clock.monotonic();
  await clock.sleep(30);
  expect(clock.monotonic() - began).toBeGreaterThanOrEqual(29);
});

test("a sleep that is cut short rejects with the reason, at once", async () => {
  const stop = new AbortController();
  const reason = new Error("stopped");
  const began = clock.monotonic();
  const sleeping = clock.sleep(60_000, stop.signal);
  stop.abort(reason);
  await expect(sleeping).rejects.toBe(reason);
  await expect(clock.sleep(60_000, stop.signal)).rejects.toBe(reason);
  expect(clock.monotonic() - began).toBeLessThan(30_000);
});

test("a sleep leaves nobody behind who listens", async () => {
  const { signal } = new AbortController();
  await clock.sleep(1, signal);
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

test("without a signal of its own it ends with the process's", async () => {
  const sleeping = clock.sleep(60_000);
  own.abort(new Error("terminated"));
  await expect(sleeping).rejects.toThrow("terminated");
});
