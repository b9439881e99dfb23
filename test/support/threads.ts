import type { Threads } from "../../src/platform/threads.ts";

/** Threads that do their work in this one, with what they are given and give copied as between threads. */
export function inlineThreads(task: (input: unknown) => unknown): Threads {
  return {
    available: 2,
    pool: () => ({
      run: async (input) => structuredClone(await task(structuredClone(input))),
      close: () => Promise.resolve(),
    }),
  };
}
