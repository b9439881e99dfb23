import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  BACKOFF,
  backoff,
  failed,
  isDue,
  pause,
  POLL,
  succeeded,
  type Task,
} from "../../../src/pki/rotate/schedule.ts";

const time = fc.integer({ min: 0, max: 4e12 });
const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const instant = fc.record({ now: time, monotonic: fc.integer({ min: 0, max: 1e12 }) });
const task: fc.Arbitrary<Task> = fc.record({
  name: fc.constant("a"),
  due: time,
  begin: time,
  end: time,
  failures: fc.nat(1000),
  holdOff: fc.integer({ min: 0, max: 1e12 }),
});

describe("the schedule of rotations", () => {
  test("never sleeps past the next poll, nor past the moment at which something is due", () => {
    fc.assert(
      fc.property(fc.array(task, { maxLength: 5 }), instant, (tasks, at) => {
        const ms = pause(tasks, at);
        expect(ms).toBeGreaterThanOrEqual(0);
        expect(ms).toBeLessThanOrEqual(Math.min(POLL, 60_000));
        const later = { now: at.now + ms, monotonic: at.monotonic + ms };
        // it wakes no sooner than it has to, and what becomes due is due when it wakes
        expect(ms === POLL || tasks.some((one) => isDue(one, later))).toBe(true);
        expect(ms > 0 && tasks.some((one) => isDue(one, at))).toBe(false);
      }),
    );
  });

  test("a certificate is due by the wall clock, however it gets there", () => {
    fc.assert(
      fc.property(task, instant, (one, { now, monotonic }) => {
        const free = { ...one, holdOff: monotonic };
        expect(isDue(free, { now, monotonic })).toBe(now >= one.due || now < one.begin);
        // put back to before it begins: due at once, too
        expect(isDue(free, { now: one.begin - 1, monotonic })).toBe(true);
        // the clock jumps to that instant: due at once, without any time having passed
        expect(isDue(free, { now: one.due, monotonic })).toBe(true);
        expect(isDue({ ...one, holdOff: monotonic + 1 }, { now: one.due, monotonic })).toBe(false);
      }),
    );
  });

  test("the pause after a failure doubles up to a bound, half of it by chance, and does not depend on the wall clock", () => {
    fc.assert(
      fc.property(task, instant, fraction, (one, at, random) => {
        const next = failed(one, at, random);
        const wait = next.holdOff - at.monotonic;
        expect(next.failures).toBe(one.failures + 1);
        expect(wait).toBeGreaterThanOrEqual(BACKOFF.first / 2);
        expect(wait).toBeLessThanOrEqual(BACKOFF.longest);
        // the longer it goes on, the longer the pause
        expect(backoff(next.failures + 1, one.end - at.now, random)).toBeGreaterThanOrEqual(
          backoff(next.failures, one.end - at.now, random),
        );
        // a wall clock that is put back by years afterwards changes nothing
        expect(isDue({ ...next, due: 0 }, { now: 0, monotonic: next.holdOff })).toBe(true);
      }),
    );
    expect([1, 2, 3, 4].map((n) => backoff(n, 1e9, 1))).toEqual([1000, 2000, 4000, 8000]);
    expect(backoff(1, 1e9, 0)).toBe(500);
    expect(backoff(1000, 1e9, 1)).toBe(300_000);
  });

  test("before its end, a certificate of any lifetime is tried several times", () => {
    fc.assert(
      fc.property(fc.integer({ min: 30_000, max: 1e9 }), fraction, (left, random) => {
        let [one, at] = [
          { name: "a", due: 0, end: left, failures: 0, holdOff: 0 } as Task,
          { now: 0, monotonic: 0 },
        ];
        let tries = 0;
        while (at.now < left) {
          tries += 1;
          one = failed(one, at, random);
          at = { now: at.now + one.holdOff - at.monotonic, monotonic: one.holdOff };
        }
        expect(tries).toBeGreaterThanOrEqual(8);
      }),
    );
  });

  test("a success forgets the failures, and rests for a moment", () => {
    const at = { now: 5000, monotonic: 70 };
    const next = succeeded({ name: "a", due: 0, begin: 0, end: 1, failures: 7, holdOff: 0 }, at);
    expect(next).toMatchObject({ failures: 0 });
    expect(isDue(next, at)).toBe(false);
    expect(isDue(next, { now: 5000, monotonic: 1070 })).toBe(true);
  });
});
