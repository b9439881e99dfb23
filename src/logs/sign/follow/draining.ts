import type { Clock } from "../../../platform/platform.ts";
import { type Generation, type Lines, linesOf } from "./generation.ts";

/** Milliseconds without a new line after which a rotated file counts as complete. */
const QUIET = 60_000;

/** The rotated files of a log that may still grow. */
export interface DrainingFiles {
  /** The oldest first. */
  readonly all: readonly Generation[];
  /** @param generation newer than those that are there */
  add(generation: Generation): void;
  /** @param id device and inode */
  has(id: string): boolean;
  /** Lines of one of them, or undefined; those that are complete are left out from then on. */
  poll(): Promise<Lines | undefined>;
}

/** @param onComplete takes over a file that was read to its end */
export function drainingFiles(clock: Clock, onComplete: (generation: Generation) => void): DrainingFiles {
  const all: Generation[] = [];
  return {
    all,
    add: (generation) => all.push(generation),
    has: (id) => all.some(({ tail }) => tail.id === id),
    async poll() {
      for (const generation of all.slice()) {
        const { tail } = generation;
        const lines = await generation.input.peek(0);
        if (lines !== undefined && lines.length > 0) {
          generation.idleSince = undefined;
          return linesOf(generation, lines);
        }
        generation.idleSince ??= clock.monotonic();
        if (lines !== undefined) {
          onComplete(generation);
          all.splice(all.indexOf(generation), 1);
        } else if (tail.truncated || tail.isKey || clock.monotonic() - generation.idleSince >= QUIET) {
          tail.stop();
        }
      }
      return undefined;
    },
  };
}
