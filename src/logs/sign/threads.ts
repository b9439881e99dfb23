import type { Files } from "../../platform/files.ts";
import type { Threads } from "../../platform/threads.ts";
import type { WriteFile } from "../store.ts";
import { unlessLost } from "../verify/unless-lost.ts";
import { hashRange, type HashRange } from "./ranges.ts";

/** How many threads hash what is signed, once it is more than `from` bytes: each takes 50 ms to start. */
export interface ThreadUse {
  readonly count: number;
  readonly from: number;
}

/** The work of signing that others can do. Close it. */
export interface SigningThreads {
  /** Told that so many bytes are there to be signed: where they are many, the threads start now. */
  readonly expect: (bytes: number) => void;
  readonly hash: HashRange;
  readonly write: WriteFile;
  readonly close: () => Promise<void>;
}

/** What a thread of the task `write-file` is given. */
interface WriteTask {
  readonly path: string;
  readonly data: string | Uint8Array;
  readonly options: Parameters<WriteFile>[2];
}

/** The same on another thread, which waits for the disk meanwhile. */
export function writeTask(files: Files): (task: WriteTask) => void {
  return ({ path, data, options }) => files.write(path, data, options);
}

/** Threads for hashing and one that writes; while little is signed, all is done here. */
export function signingThreads(files: Files, threads: Threads, { count, from }: ThreadUse): SigningThreads {
  const [hashing, writing] = [threads.pool("hash-range", count), threads.pool("write-file", 1)];
  let [bytes, expected] = [0, 0];
  const isLittle = () => count < 2 || Math.max(bytes, expected) < from;
  return {
    expect(more) {
      expected += more;
      if (isLittle()) return;
      hashing.start();
      writing.start();
    },
    hash(range) {
      bytes += range.lines.length;
      if (isLittle() || !hashing.canRun()) return hashRange(range);
      // both sides see the same memory: what a thread did not do is done here
      return unlessLost(hashing.run(range) as Promise<Uint8Array>, () => hashRange(range));
    },
    async write(path, data, options) {
      if (isLittle() || !writing.canRun()) files.write(path, data, options);
      else await writing.run({ path, data, options } satisfies WriteTask);
    },
    async close() {
      await Promise.all([hashing.close(), writing.close()]);
    },
  };
}
