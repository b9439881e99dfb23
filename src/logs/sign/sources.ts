import { FleetsecError } from "../../errors.ts";
import type { OpenFile } from "../../platform/files.ts";
import type { Clock, TextSource } from "../../platform/platform.ts";
import { movedAway } from "./follow/rotated.ts";
import type { TailedFile } from "./follow/tailed-file.ts";
import type { ByteSource } from "./lines.ts";

/** A file from `position` on, to where it ends now. */
export function fileSource(file: OpenFile, position: number): ByteSource {
  let at = position;
  return {
    async read(target) {
      const read = file.read(target, at);
      at += read;
      return read;
    },
  };
}

/**
 * A file from where it is read to where it ends now.
 * @throws FleetsecError `not-found` once what was read of it is no longer in it
 */
export function untilTruncated(file: TailedFile, path: string): ByteSource {
  file.stop();
  return {
    async read(target, until) {
      const read = await file.read(target, until);
      if (file.truncated) throw movedAway(path);
      return read;
    },
  };
}

/** A source that can be asked what is at hand without waiting. */
export interface StreamSource extends ByteSource {
  /** Called whenever something has come, or the stream has ended. */
  onReady: () => void;
  /** What has come is all there is. */
  stop(): void;
}

/** Standard input. Waiting for it ends when the signal is aborted. */
export function streamSource(stdin: TextSource, clock: Clock, signal: AbortSignal): StreamSource {
  const chunks = stdin[Symbol.asyncIterator]();
  let coming: Promise<void> | undefined;
  let come: IteratorResult<Uint8Array> | { readonly failure: unknown } | undefined;
  let chunk: Uint8Array = Buffer.alloc(0);
  let stopped = false;

  const fetch = async (): Promise<void> => {
    try {
      come = await chunks.next();
    } catch (failure) {
      come = { failure };
    }
    source.onReady();
  };

  const source: StreamSource = {
    onReady() {},
    stop() {
      stopped = true;
    },
    async read(target, until) {
      while (chunk.length === 0) {
        if (come === undefined && stopped) return 0;
        coming ??= fetch();
        if (come === undefined && until > clock.monotonic()) await before(coming, until, clock, signal);
        const next = come;
        if (next === undefined) return undefined;
        if ("failure" in next) throw next.failure;
        if (next.done === true) return 0;
        [come, coming, chunk] = [undefined, undefined, next.value];
      }
      const count = Math.min(target.length, chunk.length);
      target.set(chunk.subarray(0, count));
      chunk = chunk.subarray(count);
      return count;
    },
  };
  return source;
}

/** What `promise` gives, or undefined when that takes longer than until `until`. */
async function before<T>(
  promise: Promise<T>,
  until: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<T | undefined> {
  const over = new AbortController();
  const ending = AbortSignal.any([signal, over.signal]);
  const wait = Math.min(until - clock.monotonic(), MAX_WAIT);
  const late = (async () => {
    try {
      await clock.sleep(Math.max(0, wait), ending);
    } catch (error) {
      if (!over.signal.aborted) throw error;
    }
    return undefined;
  })();
  try {
    return await Promise.race([promise, late]);
  } finally {
    over.abort(new FleetsecError("interrupted", "no longer waiting"));
  }
}

/** A day: timers take no more than 2^31 milliseconds. */
const MAX_WAIT = 86_400_000;
