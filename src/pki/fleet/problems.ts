import { FleetsecError } from "../../errors.ts";

/** How many faults an error lists. */
const SHOWN = 20;

/** Faults of lines, gathered in the order of the lines so that all of them can be mended at once. */
export interface Problems {
  add(line: number, message: string): void;
  /** The value, or undefined where a FleetsecError became a problem of that line; `state` is thrown on. */
  collect<T>(line: number, read: () => T): T | undefined;
  /** @throws FleetsecError `input` where there is any, with the first of them */
  throwAny(): void;
}

/** @param what names the file in the error */
export function problemsOf(what: string): Problems {
  const listed: string[] = [];
  let count = 0;
  const problems: Problems = {
    add(line, message) {
      count += 1;
      if (count <= SHOWN) listed.push(`line ${line}: ${message}`);
    },
    collect(line, read) {
      try {
        return read();
      } catch (error) {
        // a damaged state is no fault of a line
        if (!(error instanceof FleetsecError) || error.code === "state") throw error;
        const hint = error.hint === undefined ? "" : ` (${error.hint})`;
        problems.add(line, `${error.message}${hint}`);
        return undefined;
      }
    },
    throwAny() {
      if (count === 0) return;
      const more = count - listed.length;
      throw new FleetsecError("input", `${what} has ${count} error${count === 1 ? "" : "s"}`, {
        problems: more === 0 ? listed : [...listed, `and ${more} more`],
        hint: "nothing was issued; mend them and run it again",
      });
    },
  };
  return problems;
}
