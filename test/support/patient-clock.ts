import type { Clock } from "../../src/platform/platform.ts";

/**
 * A clock that sleeps in short stretches: while this process stands still, on a busy machine, no more
 * than one of them passes, and what servers in the same process have to do comes before the end.
 */
export function patientClock(clock: Clock, stretches = 10): Clock {
  return {
    ...clock,
    async sleep(ms, signal) {
      for (let i = 0; i < stretches; i += 1) await clock.sleep(ms / stretches, signal);
    },
  };
}
