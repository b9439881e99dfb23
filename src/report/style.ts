import { Chalk } from "chalk";

/** Colours that carry meaning; every one is accompanied by a word or symbol, so none is needed to read. */
export interface Style {
  good(text: string): string;
  bad(text: string): string;
  unsure(text: string): string;
  faint(text: string): string;
  strong(text: string): string;
}

export function styleFor(color: boolean): Style {
  const chalk = new Chalk({ level: color ? 1 : 0 });
  return {
    good: (text) => chalk.green(text),
    bad: (text) => chalk.red(text),
    unsure: (text) => chalk.yellow(text),
    faint: (text) => chalk.dim(text),
    strong: (text) => chalk.bold(text),
  };
}
