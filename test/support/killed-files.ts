import type { Files } from "../../src/platform/files.ts";
import { systemFiles } from "../../src/platform/system-files.ts";

const MUTATIONS = [
  "makeDirectory",
  "write",
  "writePieces",
  "append",
  "writeDirectory",
  "linkAtomic",
  "rename",
  "remove",
  "removeTemporaries",
] as const satisfies readonly (keyof Files)[];

/** Files of a process that is killed before its nth change, from 0: neither that nor any later one happens. */
export function killedAfter(count: number): { files: Files; isDead: () => boolean } {
  let left = count;
  const dying = Object.fromEntries(
    MUTATIONS.map((name) => [
      name,
      (...args: never[]) => {
        left -= 1;
        if (left < 0) throw new Error("killed");
        return Reflect.apply(systemFiles[name], systemFiles, args) as unknown;
      },
    ]),
  );
  const files: Files = {
    ...systemFiles,
    ...dying,
    // one after the other: it can be killed between them
    async writeTogether(entries) {
      for (const { path, data } of entries) files.write(path, data);
    },
  };
  return { files, isDead: () => left < 0 };
}
