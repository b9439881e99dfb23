/** Colours that carry meaning; every one is accompanied by a word or symbol, so none is needed to read. */
export interface Style {
  good(text: string): string;
  bad(text: string): string;
  unsure(text: string): string;
  faint(text: string): string;
  strong(text: string): string;
}

const same = (text: string) => text;

const PLAIN: Style = { good: same, bad: same, unsure: same, faint: same, strong: same };

/** Without colour, texts as they are: the library takes as long to load as a small log to verify. */
export async function styleFor(color: boolean): Promise<Style> {
  if (!color) return PLAIN;
  const { Chalk } = await import("chalk");
  const chalk = new Chalk({ level: 1 });
  return {
    good: (text) => chalk.green(text),
    bad: (text) => chalk.red(text),
    unsure: (text) => chalk.yellow(text),
    faint: (text) => chalk.dim(text),
    strong: (text) => chalk.bold(text),
  };
}
