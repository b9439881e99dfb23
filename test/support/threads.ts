import type { Threads } from "../../src/platform/threads.ts";

export type Task = (input: unknown) => unknown;

/**
 * Threads that do their work in this one, with what they are given and give copied as between threads.
 * @param task for every pool, or for each by its name
 */
export function inlineThreads(task: Task | Readonly<Record<string, Task>>): Threads {
  return {
    available: 2,
    pool: (name) => ({
      run: async (input) => {
        const work = typeof task === "function" ? task : task[name];
        if (work === undefined) throw new Error(`no task is named ${name}`);
        return structuredClone(await work(structuredClone(input)));
      },
      canRun: () => true,
      start: () => {},
      close: () => Promise.resolve(),
    }),
  };
}
