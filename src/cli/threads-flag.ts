import { FleetsecError } from "../errors.ts";
import type { Threads } from "../platform/threads.ts";

/** So many bytes are worth threads: each takes 50 ms to start. */
const THREADS_FROM = 64 << 20;
/** More would wait for the disk, or for each other. */
const MAX_THREADS = 8;

/** `--threads`: how many there are from how many bytes on; where they are asked for, from the first. */
export function threadsFlag(
  text: string | undefined,
  { available }: Threads,
): { readonly count: number; readonly from: number } {
  if (text === undefined) return { count: Math.min(MAX_THREADS, available), from: THREADS_FROM };
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= 64) return { count, from: 0 };
  throw new FleetsecError("usage", `--threads is not a number from 1 to 64: ${text}`);
}
