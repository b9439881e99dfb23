import type { Clock } from "../platform/platform.ts";

/** Lets one task wait for what events bring about, never longer than it chose to. */
export interface Watch {
  /** To be called after each event. */
  readonly changed: () => void;
  /**
   * Resolves once `condition` holds, or after `ms` milliseconds.
   * Rejects with the signal's reason when the run is interrupted.
   */
  until(condition: () => boolean, ms: number): Promise<void>;
}

/** Of a timer that is no longer needed. A reason of its own would be made, with a stack, for each. */
const OVER = new Error("the wait is over");

export function watch(clock: Clock, signal: AbortSignal): Watch {
  let wake = () => {};
  // one for all waits of the connection: a signal that many wait for warns of a leak
  const interrupted = AbortSignal.any([signal]);
  return {
    changed: () => wake(),
    async until(condition, ms) {
      signal.throwIfAborted();
      if (condition()) return;
      const timer = new AbortController();
      const met = new Promise<void>((resolve) => {
        wake = () => {
          if (condition()) resolve();
        };
      });
      const interrupt = () => timer.abort(interrupted.reason);
      interrupted.addEventListener("abort", interrupt, { once: true });
      try {
        await Promise.race([met, clock.sleep(ms, timer.signal)]);
        // a busy process hears of the time first, and of what happened within it afterwards
        if (!condition()) await clock.sleep(0, timer.signal);
      } finally {
        wake = () => {};
        interrupted.removeEventListener("abort", interrupt);
        timer.abort(OVER);
      }
    },
  };
}
