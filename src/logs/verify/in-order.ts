/**
 * The results of `work` over items, in their order; up to `width` of them are at work at once. A
 * failure is thrown when its turn comes.
 */
export async function* inOrder<T, R>(
  items: Iterable<T>,
  width: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<readonly [T, R]> {
  const underway: { readonly item: T; readonly result: Promise<R> }[] = [];
  const settled = async (): Promise<readonly [T, R]> => {
    const { item, result } = underway.shift() as (typeof underway)[number];
    return [item, await result];
  };
  for (const item of items) {
    const result = work(item);
    // it is met in its turn
    result.catch(() => undefined);
    underway.push({ item, result });
    if (underway.length >= width) yield await settled();
  }
  while (underway.length > 0) yield await settled();
}
