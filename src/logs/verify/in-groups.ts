/** When a group is full. */
export interface GroupLimits {
  readonly items: number;
  readonly bytes: number;
}

/**
 * Gathers items that are asked for one by one, and asks for each group of them at once: when it is
 * full, or when nothing else is to be done.
 * @param answer gives an answer to each item, in their order; a failure is that of all
 */
export function inGroups<T, R>(
  limits: GroupLimits,
  bytesOf: (item: T) => number,
  answer: (items: readonly T[]) => Promise<readonly R[]>,
): {
  readonly ask: (item: T) => Promise<R>;
  /** Nothing is asked any more: what waits never gets its answer. */
  readonly close: () => void;
} {
  let group: Waiting<T, R>[] = [];
  let bytes = 0;
  let closed = false;
  const send = async (): Promise<void> => {
    const sent = group;
    group = [];
    bytes = 0;
    if (sent.length === 0 || closed) return;
    try {
      const results = await answer(sent.map(({ item }) => item));
      for (const [i, { resolve }] of sent.entries()) resolve(results[i] as R);
    } catch (error) {
      for (const { reject } of sent) reject(error);
    }
  };
  return {
    ask: (item) =>
      new Promise((resolve, reject) => {
        if (group.length === 0) setImmediate(() => void send());
        group.push({ item, resolve, reject });
        bytes += bytesOf(item);
        if (group.length >= limits.items || bytes >= limits.bytes) void send();
      }),
    close() {
      closed = true;
    },
  };
}

interface Waiting<T, R> {
  readonly item: T;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}
