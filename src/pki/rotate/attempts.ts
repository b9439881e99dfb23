import type { Clock } from "../../platform/platform.ts";

/** Attempts that run, by NAME, of which a slow one does not hold up those of others. */
export interface Attempts {
  has(name: string): boolean;
  /**
   * Begins an attempt and waits until it has ended, or for as long as there is patience: it goes on then by itself.
   * @throws what an attempt threw, be it one that was not waited for
   */
  begin(name: string, attempt: () => Promise<void>): Promise<void>;
  /** Waits for all that run. @throws what one of them threw */
  ended(): Promise<void>;
}

/**
 * @param patience how long one attempt is waited for, in milliseconds
 * @param onLate called when an attempt has ended that was not waited for
 */
export function newAttempts(clock: Clock, patience: number, onLate: () => void): Attempts {
  const running = new Map<string, Promise<void>>();
  let fault: { readonly error: unknown } | undefined;
  const rethrow = () => {
    if (fault !== undefined) throw fault.error;
  };
  return {
    has: (name) => running.has(name),
    async begin(name, attempt) {
      rethrow();
      const ended = new AbortController();
      let isLate = false;
      const late = clock.sleep(patience, ended.signal).then(
        () => void (isLate = true),
        () => {
          // it has ended
        },
      );
      const run = async () => {
        try {
          await attempt();
        } catch (error) {
          fault ??= { error };
        }
        running.delete(name);
        ended.abort();
        if (isLate) onLate();
      };
      const whole = run();
      running.set(name, whole);
      await Promise.race([whole, late]);
      rethrow();
    },
    async ended() {
      await Promise.all(running.values());
      rethrow();
    },
  };
}
