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
