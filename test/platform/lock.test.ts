import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import { systemLocks } from "../../src/platform/lock.ts";
import { scratch } from "../support/scratch.ts";

const clock = { now: () => Date.now(), monotonic: () => performance.now(), sleep: (ms: number) => delay(ms) };
const locks = systemLocks(clock);

test("holders never overlap, and none is left out", async () => {
  const directory = join(scratch(), "lock");
  const running = { now: 0, most: 0, done: 0 };
  const work = async () => {
    running.now += 1;
    running.most = Math.max(running.most, running.now);
    await delay(1);
    running.now -= 1;
    running.done += 1;
  };
  await Promise.all(Array.from({ length: 20 }, () => locks.hold(directory, work)));
  expect(running).toEqual({ now: 0, most: 1, done: 20 });
  expect(readdirSync(directory)).toEqual([]);
});

test("is free again after work that failed, and gives its result or its error", async () => {
  const directory = join(scratch(), "lock");
  await expect(locks.hold(directory, () => Promise.reject(new Error("x")))).rejects.toThrow("x");
  await expect(locks.hold(directory, () => Promise.resolve(7))).resolves.toBe(7);
});

test("a lock that is held for too long is busy, and stays with its holder", async () => {
  const directory = join(scratch(), "lock");
  await locks.hold(directory, async () => {
    const before = readdirSync(directory);
    const second = locks.hold(directory, () => Promise.resolve(), { timeout: 50 });
    await expect(second).rejects.toMatchObject({ code: "busy" });
    expect(readdirSync(directory)).toEqual(before);
  });
});

test("the lock of a dead process, of a process id used again and of a boot before is taken over", async () => {
  const directory = join(scratch(), "lock");
  const child = spawn("true");
  await once(child, "exit");
  const own = await locks.hold(directory, () => Promise.resolve(readdirSync(directory)[0] ?? ""));
  const [machine, boot, namespace, pid] = own.split("-");
  const suffix = "0123456789abcdef";
  const stale = [
    [machine, boot, namespace, child.pid, 1, suffix],
    [machine, boot, namespace, pid, 1, suffix],
    [machine, "00000000", namespace, pid, 1, suffix],
  ];
  for (const parts of stale) {
    writeFileSync(join(directory, parts.join("-")), "");
    await expect(locks.hold(directory, () => Promise.resolve("taken"), { timeout: 200 })).resolves.toBe(
      "taken",
    );
  }
  expect(readdirSync(directory)).toEqual([]);
});

test("of a process id that another user's process has now, the start time tells who held the lock", async () => {
  const directory = join(scratch(), "lock");
  const own = await locks.hold(directory, () => Promise.resolve(readdirSync(directory)[0] ?? ""));
  const [machine, boot, namespace, pid, start] = own.split("-");
  const kill = vi.spyOn(process, "kill").mockImplementation(() => {
    throw Object.assign(new Error("kill EPERM"), { code: "EPERM" });
  });
  onTestFinished(() => kill.mockRestore());
  const held = (at: string | undefined) => {
    writeFileSync(join(directory, [machine, boot, namespace, pid, at, "0123456789abcdef"].join("-")), "");
    return locks.hold(directory, () => Promise.resolve("taken"), { timeout: 100 });
  };
  await expect(held("1")).resolves.toBe("taken");
  expect(readdirSync(directory)).toEqual([]);
  // the control: one that lives is not robbed
  await expect(held(start)).rejects.toMatchObject({ code: "busy" });
  expect(kill).toHaveBeenCalled();
});

test.each([
  ["another machine", (own: string[]) => ["00000000", ...own.slice(1)]],
  ["another container", (own: string[]) => [own[0], own[1], "00000000", ...own.slice(3)]],
])("a process of %s counts as living", async (_, foreign) => {
  const directory = join(scratch(), "lock");
  const own = await locks.hold(directory, () => Promise.resolve(readdirSync(directory)[0] ?? ""));
  const name = foreign(own.split("-")).join("-");
  writeFileSync(join(directory, name), "");
  await expect(locks.hold(directory, () => Promise.resolve(), { timeout: 50 })).rejects.toMatchObject({
    code: "busy",
    hint: expect.stringContaining(name) as string,
  });
  expect(readdirSync(directory)).toEqual([name]);
  // as the hint says
  rmSync(join(directory, name));
  expect(await locks.hold(directory, () => Promise.resolve(1), { timeout: 50 })).toBe(1);
});

test("files that are no contenders are let be", async () => {
  const directory = join(scratch(), "lock");
  mkdirSync(directory);
  writeFileSync(join(directory, "README"), "");
  await locks.hold(directory, () => Promise.resolve(), { timeout: 50 });
  expect(readdirSync(directory)).toEqual(["README"]);
});
