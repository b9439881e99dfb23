import { expect, onTestFinished, test } from "vitest";
import { systemTerminal } from "../../src/platform/terminal.ts";

test("a terminal that does not say how wide it is has 80 columns", () => {
  const before = Object.getOwnPropertyDescriptor(process.stdout, "columns");
  onTestFinished(() => {
    if (before === undefined) Reflect.deleteProperty(process.stdout, "columns");
    else Object.defineProperty(process.stdout, "columns", before);
  });
  const { stdout } = systemTerminal();
  const widths = [120, 20, 0, undefined].map((value) => {
    Object.defineProperty(process.stdout, "columns", { value, configurable: true });
    return stdout.columns;
  });
  expect(widths).toEqual([120, 20, 80, 80]);
});
