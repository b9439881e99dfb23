/** Work that several threads are offered: an integer in memory that they share, 0 until one of them takes it. */
export type Ticket = Int32Array;

export function ticket(): Ticket {
  return new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
}

/** Whether the work is the caller's to do: true for one of those who ask, the first. */
export function take(offered: Ticket): boolean {
  return Atomics.exchange(offered, 0, 1) === 0;
}

/** Does work on other threads and on this one. */
export interface SharedWork<T, R> {
  readonly run: (item: T) => Promise<R>;
  /** Nothing is begun here any more: what waits never gets its answer. */
  readonly close: () => void;
}

/**
 * Offers each item to another thread, and does here, in their order, those that none has begun: so this
 * thread is never idle while there is work, and no thread is waited for that is still starting.
 * @param there what another thread makes of an item; undefined where its ticket was taken already
 * @param here what this one makes of it
 */
export function sharedWork<T, R>(
  there: (item: T, ticket: Ticket) => Promise<R | undefined>,
  here: (item: T) => Promise<R>,
): SharedWork<T, R> {
  let waiting: (() => Promise<void>)[] = [];
  let isWorking = false;
  const work = async (): Promise<void> => {
    if (isWorking) return;
    isWorking = true;
    while (waiting.length > 0) {
      // what others have done comes first: it makes room for more
      await turn();
      await waiting.shift()?.();
    }
    isWorking = false;
  };
  return {
    run: (item) =>
      new Promise((resolve, reject) => {
        const offered = ticket();
        const elsewhere = async () => {
          const result = await there(item, offered);
          if (result !== undefined) resolve(result);
        };
        elsewhere().catch(reject);
        waiting.push(async () => {
          if (take(offered)) await here(item).then(resolve, reject);
        });
        void work();
      }),
    close() {
      waiting = [];
    },
  };
}

function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
