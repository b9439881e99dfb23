import { type ErrorCode, FleetsecError } from "../../src/errors.ts";

/** What a parser made of hostile input, or undefined where it refused it with that code. Any other error is a fault. */
export function unlessRefused<T>(parse: () => T, code: ErrorCode = "input"): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof FleetsecError && error.code === code) return undefined;
    throw error;
  }
}
