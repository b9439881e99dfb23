import { setImmediate as turnOfTheLoop } from "node:timers/promises";
import type { Clock } from "../platform/platform.ts";

/** Runs tasks, at most `most` of them at a time, in the order in which they came. */
export type Limit = <T>(task: () => Promise<T>) => Promise<T>;

export function limit(most: number): Limit {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (task) => {
    // a task that ends hands its place on, so that nobody can slip in between
    if (running < most) running += 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}

/** Two ways to run tasks: beside others, and with nobody beside them. */
export interface Turns {
  readonly together: Limit;
  /** Begins when whatever runs has ended; what comes later waits for it. */
  readonly alone: Limit;
}

export function turns(): Turns {
  const running = new Set<Promise<unknown>>();
  let lastAlone: Promise<unknown> = Promise.resolve();
  return {
    async together(task) {
      await lastAlone;
      const run = task();
      running.add(run);
      try {
        return await run;
      } finally {
        running.delete(run);
      }
    },
    async alone(task) {
      const turn = lastAlone.then(async () => {
        await Promise.allSettled(running);
        return task();
      });
      lastAlone = turn.catch(() => {});
      return turn;
    },
  };
}

/**
 * Starts one task at most in each turn of the event loop: what runs is served first, so that the times
 * that connections take are the servers' and not those of a queue in this process.
 */
export function turnByTurn(): Limit {
  let last: Promise<void> = Promise.resolve();
  return async (task) => {
    last = last.then(() => turnOfTheLoop());
    await last;
    return task();
  };
}

/** Two bounds: tasks that wait for the first do not fill the second. */
export function within(first: Limit, second: Limit): Limit {
  return async (task) => first(async () => second(task));
}

/** Waits for its turn to start something. */
export type Pace = () => Promise<void>;

/**
 * Turns that are so far apart at least, in the order in which they are asked for. Whoever starts at once
 * when its turn has come starts no sooner than that after the one before.
 * @param ms milliseconds
 */
export function pace(ms: number, clock: Pick<Clock, "monotonic" | "sleep">, signal: AbortSignal): Pace {
  let next = clock.monotonic();
  let last: Promise<void> = Promise.resolve();
  const turn = async () => {
    // a timer may be early, by less than a millisecond
    for (let wait = next - clock.monotonic(); wait > 0; wait = next - clock.monotonic()) {
      await clock.sleep(Math.ceil(wait), AbortSignal.any([signal]));
    }
    next = clock.monotonic() + ms;
  };
  return async () => {
    last = last.then(turn);
    return last;
  };
}
