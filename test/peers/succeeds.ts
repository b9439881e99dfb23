import { execFile } from "node:child_process";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** Whether a program ended with 0; one that does not start or is ended by a signal is a fault of the test. */
export async function succeeds(program: string, args: readonly string[]): Promise<boolean> {
  try {
    await execute(program, args);
    return true;
  } catch (error) {
    if (typeof (error as { code: unknown }).code === "number") return false;
    throw error;
  }
}
