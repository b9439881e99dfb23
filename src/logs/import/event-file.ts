import { FleetsecError } from "../../errors.ts";
import type { Files } from "../../platform/files.ts";

/** Where events go, one line each. */
export interface EventFile {
  write(line: string): void;
  /** Nothing more comes: all is durable. */
  end(): void;
}

const BLOCK = 1 << 20;

/** A new file (mode 0600). @throws FleetsecError `exists` where the path is taken */
export function newEventFile(files: Files, path: string): EventFile {
  if (files.kind(path) !== undefined) {
    throw new FleetsecError("exists", `${path} exists already`, { hint: "name another file with --out" });
  }
  let [size, length] = [0, 0];
  let lines: Buffer[] = [];
  const flush = (): void => {
    const block = Buffer.concat(lines);
    files.append(path, size, block);
    size += block.length;
    [length, lines] = [0, []];
  };
  return {
    write(line) {
      const bytes = Buffer.from(line);
      lines.push(bytes);
      length += bytes.length;
      if (length >= BLOCK) flush();
    },
    end: flush,
  };
}
