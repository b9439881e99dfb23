/**
 * When to try which certificate. Nothing here reads a clock or draws a number: both are arguments.
 * A certificate is due by the wall clock, since that is what its end is written in; attempts are
 * held off by the monotonic clock, since a wall clock that jumps must not stretch a pause of seconds
 * into one of years.
 */

/** Both clocks at one instant, in milliseconds. */
export interface Instant {
  /** Since the Unix epoch. */
  readonly now: number;
  /** Since an arbitrary instant; never jumps. */
  readonly monotonic: number;
}

/** What the scheduler knows of one certificate. */
export interface Task {
  readonly name: string;
  /** When it is to be renewed, by the wall clock. In the past where something is left to be done now. */
  readonly due: number;
  /** Its beginning, by the wall clock: before it, a certificate is due too, for the clock was put back. */
  readonly begin: number;
  /** Its end, by the wall clock. */
  readonly end: number;
  /** Attempts that failed since the last that did not. */
  readonly failures: number;
  /** The monotonic time before which it is left alone. */
  readonly holdOff: number;
}

/** The wall clock is looked at this often at least: a suspended laptop has no timer that runs. */
export const POLL = 30_000;

/** The shortest and longest pause after a failure, before jitter. */
export const BACKOFF = { first: 1_000, longest: 300_000 } as const;

/** A certificate that is due again as soon as it was renewed must not keep the machine busy. */
export const REST = 1_000;

export function isDue({ due, begin, holdOff }: Task, { now, monotonic }: Instant): boolean {
  return (now >= due || now < begin) && monotonic >= holdOff;
}

/** How long to sleep, in milliseconds: to the next certificate that is due, and never past the next poll. */
export function pause(tasks: readonly Task[], { now, monotonic }: Instant): number {
  const waits = tasks.map(({ due, begin, holdOff }) =>
    Math.max(0, now < begin ? 0 : due - now, holdOff - monotonic),
  );
  return Math.min(POLL, ...waits);
}

/** After something was done, or was found not to be due. */
export function succeeded(task: Task, { monotonic }: Instant): Task {
  return { ...task, failures: 0, holdOff: monotonic + REST };
}

/** @param random from 0 up to 1 */
export function failed(task: Task, { now, monotonic }: Instant, random: number): Task {
  const failures = task.failures + 1;
  return { ...task, failures, holdOff: monotonic + backoff(failures, task.end - now, random) };
}

/**
 * The pause after the nth failure in a row: doubled each time, and then between half and all of
 * it, so that those who failed together do not come back together. Near a certificate's end, on
 * either side, an eighth of the distance is the longest, so that a short-lived one has several tries.
 * @param left milliseconds to the certificate's end; negative after it
 * @param random from 0 up to 1
 */
export function backoff(failures: number, left: number, random: number): number {
  const longest = Math.min(BACKOFF.longest, Math.max(BACKOFF.first, Math.abs(left) / 8));
  const doubled = BACKOFF.first * 2 ** Math.min(failures - 1, 30);
  return Math.min(longest, doubled) * (0.5 + random / 2);
}
