import { setImmediate as turnOfTheLoop, setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { limit, pace, turnByTurn, turns, within } from "../../src/probe/limit.ts";

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

test("one that runs alone has nobody beside it: neither who was there before, nor who comes later", async () => {
  const { together, alone } = turns();
  const seen: string[] = [];
  const running = new Set<string>();
  const task = (name: string) => async () => {
    running.add(name);
    await delay(2);
    seen.push([...running].toSorted().join("+"));
    await delay(2);
    running.delete(name);
    if (name.includes("!")) throw new Error(name);
  };
  const results = await Promise.allSettled([
    together(task("a!")),
    together(task("b")),
    alone(task("C!")),
    together(task("d")),
    alone(task("E")),
    together(task("f")),
    together(task("g")),
  ]);
  expect(seen).toEqual(["a!+b", "a!+b", "C!", "d", "E", "f+g", "f+g"]);
  expect(results.filter(({ status }) => status === "rejected")).toHaveLength(2);
});

test("one starts in each turn of the event loop, in the order in which they came", async () => {
  const limited = turnByTurn();
  const startedIn: number[] = [];
  let turn = 0;
  const tasks = Promise.all(
    Array.from({ length: 20 }, () =>
      limited(async () => {
        startedIn.push(turn);
      }),
    ),
  );
  while (startedIn.length < 20 && turn < 100) {
    await turnOfTheLoop();
    turn += 1;
  }
  await tasks;
  expect(new Set(startedIn).size).toBe(20);
  expect(startedIn).toEqual(startedIn.toSorted((a, b) => a - b));
});

test("of two bounds both hold, and tasks that wait for the first leave the second to others", async () => {
  const all = limit(4);
  const servers = [within(limit(3), all), within(limit(3), all)];
  const running = [0, 0];
  const most = [0, 0, 0];
  const task = (i: number) => async () => {
    running[i] = (running[i] ?? 0) + 1;
    const [first = 0, second = 0] = running;
    most.splice(0, 3, ...[first, second, first + second].map((now, at) => Math.max(now, most[at] ?? 0)));
    await delay(2);
    running[i] = (running[i] ?? 0) - 1;
  };
  // all those of the first server come first
  await Promise.all(servers.flatMap((limited, i) => Array.from({ length: 10 }, () => limited(task(i)))));
  expect(most).toEqual([3, 3, 4]);
});

/** A clock whose timers ring a little early. */
function testClock() {
  const clock = { now: 0, slept: [] as number[] };
  return {
    clock,
    monotonic: () => clock.now,
    async sleep(ms: number) {
      clock.slept.push(ms);
      await turnOfTheLoop();
      clock.now += ms === 1 ? 1 : ms - 0.5;
    },
  };
}

test("a pace keeps starts apart, whenever the one before came to start", async () => {
  const { clock, ...timing } = testClock();
  const turn = pace(200, timing, new AbortController().signal);
  const starts: number[] = [];
  const starting = async () => {
    await turn();
    starts.push(clock.now);
  };
  await Promise.all([starting(), starting(), starting()]);
  expect(starts).toEqual([0, 200.5, 401]);
  clock.now = 10_000;
  await starting();
  await starting();
  // time that has passed in between is no credit for later
  expect(starts.slice(3)).toEqual([10_000, 10_200.5]);
});

test("an interruption ends the wait", async () => {
  const controller = new AbortController();
  const sleep = async (_ms: number, signal?: AbortSignal) => {
    controller.abort(new Error("interrupted"));
    signal?.throwIfAborted();
  };
  const turn = pace(200, { monotonic: () => 0, sleep }, controller.signal);
  await turn();
  await expect(Promise.allSettled([turn(), turn()])).resolves.toMatchObject([
    { status: "rejected" },
    { status: "rejected" },
  ]);
});
