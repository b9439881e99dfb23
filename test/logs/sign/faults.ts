import { basename, dirname } from "node:path";
import { expect } from "vitest";
import { FleetsecError } from "../../../src/errors.ts";
import { parseCheckpoint } from "../../../src/logs/checkpoint.ts";
import type { LogSigner } from "../../../src/logs/signer.ts";
import type { Files, WriteOptions } from "../../../src/platform/files.ts";
import { type MemoryTree, memoryFiles } from "../../support/memory-files.ts";

/** How an operation on files goes wrong. */
export interface Fault {
  /** Whether it still has its effect. */
  readonly effect: boolean;
  /** Whether the process is gone after it: nothing more is done, not even tidying up. */
  readonly killed: boolean;
}

export const faults: readonly (readonly [string, Fault])[] = [
  ["fails", { effect: false, killed: false }],
  ["has its effect and then fails", { effect: true, killed: false }],
  ["never happens, for the process is killed", { effect: false, killed: true }],
  ["is the last of a process that is killed", { effect: true, killed: true }],
];

/** Files whose `at`th change goes wrong; `reached` tells whether there was one. */
export function faulty(
  tree: MemoryTree,
  at: number,
  { effect, killed }: Fault,
): Files & { reached(): boolean } {
  const files = memoryFiles(tree);
  let changes = 0;
  const change =
    <A extends unknown[]>(operation: (path: string, ...args: A) => void) =>
    (path: string, ...args: A): void => {
      changes += 1;
      if (changes < at || (changes > at && !killed)) return operation(path, ...args);
      if (changes === at && effect) operation(path, ...args);
      // a write, which has data, begins with a temporary file
      if (changes === at && killed && args.length > 0) tree.set(temporary(path), HALF);
      throw new FleetsecError("io", "no space left");
    };
  return {
    ...files,
    write: change((path, data: string | Uint8Array, options?: WriteOptions) =>
      files.write(path, data, options),
    ),
    remove: change((path) => files.remove(path)),
    removeTemporaries: change((path) => files.removeTemporaries(path)),
    reached: () => changes >= at,
  };
}

const HALF = Buffer.from("half");
const temporary = (path: string) => `${dirname(path)}/.${basename(path)}.0123456789ab.tmp`;

/** A signer that never signs two roots of one size. */
export function watchful(signer: LogSigner): LogSigner {
  const roots = new Map<number, string>();
  return {
    key: signer.key,
    async sign(text) {
      const { size, root } = parseCheckpoint(text);
      const hex = Buffer.from(root).toString("hex");
      expect(roots.get(size) ?? hex).toBe(hex);
      roots.set(size, hex);
      return signer.sign(text);
    },
  };
}
