/**
 * Runs `work` over items, `width` of them at a time, taking the next item only when one is done.
 * After the first failure no item is begun any more; it is thrown once those at work have ended.
 */
export async function inParallel<T>(
  items: Iterable<T>,
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items[Symbol.iterator]();
  let failed = false;
  const worker = async () => {
    for (;;) {
      const next = failed ? undefined : rest.next();
      if (next === undefined || next.done === true) return;
      try {
        await work(next.value);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: width }, worker));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}
