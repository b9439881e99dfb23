import { FleetsecError } from "../../errors.ts";

/** What another thread answers; `instead` where that thread came to an end before, whose work is done here then. */
export async function unlessLost<T>(answer: Promise<T>, instead: () => T): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof FleetsecError && error.code === "thread") return instead();
    throw error;
  }
}
