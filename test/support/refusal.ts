import { FleetsecError } from "../../src/errors.ts";

/** What a parser made of hostile input, or undefined where it refused it as `input`. Any other error is a fault. */
export function unlessRefused<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof FleetsecError && error.code === "input") return undefined;
    throw error;
  }
}
