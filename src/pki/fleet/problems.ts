import { FleetsecError } from "../../errors.ts";

/** How many faults an error lists. */
const SHOWN = 20;

/** Faults of lines, gathered so that all of them can be mended at once. */
export interface Problems {
  add(line: number, message: string): void;
  /** The value, or undefined where a FleetsecError became a problem of that line. */
  collect<T>(line: number, read: () => T): T | undefined;
  /** @throws FleetsecError `input` where there is any, with the first of them by line */
  throwAny(): void;
}

/** @param what names the file in the error */
export function problemsOf(what: string): Problems {
  const found: { line: number; message: string }[] = [];
  const problems: Problems = {
    add: (line, message) => void found.push({ line, message }),
    collect(line, read) {
      try {
        return read();
      } catch (error) {
        if (!(error instanceof FleetsecError)) throw error;
        const hint = error.hint === undefined ? "" : ` (${error.hint})`;
        problems.add(line, `${error.message}${hint}`);
        return undefined;
      }
    },
    throwAny() {
      if (found.length === 0) return;
      // reading and the rules each went through the lines; a stable sort keeps what they said of one together
      const inOrder = found.toSorted((a, b) => a.line - b.line);
      const listed = inOrder.slice(0, SHOWN).map(({ line, message }) => `line ${line}: ${message}`);
      const more = found.length - listed.length;
      throw new FleetsecError("input", `${what} has ${found.length} error${found.length === 1 ? "" : "s"}`, {
        problems: more === 0 ? listed : [...listed, `and ${more} more`],
        hint: "nothing was issued; mend them and run it again",
      });
    },
  };
  return problems;
}
