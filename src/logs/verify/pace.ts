import type { Clock } from "../../platform/platform.ts";

/** To be awaited inside long loops: lets signals in now and then, and ends the work when one came. */
export type Pace = () => Promise<void>;

/** Milliseconds of work after which others get a turn. */
const TURN = 100;

/** @throws the signal's reason, from the returned function, once it is aborted */
export function paceOf(clock: Clock, signal: AbortSignal, turn = TURN): Pace {
  let last = clock.monotonic();
  // one for all who are at work side by side
  let pause: Promise<void> | undefined;
  const rest = async (): Promise<void> => {
    try {
      await clock.sleep(0, signal);
      signal.throwIfAborted();
    } finally {
      last = clock.monotonic();
      pause = undefined;
    }
  };
  return async () => {
    if (pause === undefined && clock.monotonic() - last < turn) return;
    pause ??= rest();
    await pause;
  };
}
