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

export function watch(clock: Clock, signal: AbortSignal): Watch {
  let wake = () => {};
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
      const ended = AbortSignal.any([signal, timer.signal]);
      try {
        await Promise.race([met, clock.sleep(ms, ended)]);
        // a busy process hears of the time first, and of what happened within it afterwards
        if (!condition()) await clock.sleep(0, ended);
      } finally {
        wake = () => {};
        timer.abort();
      }
    },
  };
}
