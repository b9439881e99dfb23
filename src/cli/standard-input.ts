import { FleetsecError } from "../errors.ts";
import type { Cli } from "./command.ts";

/** What stands for standard input in place of a file's name. */
export const STDIN = "-";

/**
 * All of standard input.
 * @param what it is, for messages
 * @throws FleetsecError `input` for more than `maxBytes`, and the reason of a signal
 */
export async function readStandardInput(
  { stdin, signal }: Pick<Cli["platform"], "stdin" | "signal">,
  maxBytes: number,
  what: string,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const stop = () => stdin.close();
  signal.addEventListener("abort", stop, { once: true });
  try {
    for await (const chunk of stdin) {
      size += chunk.length;
      if (size > maxBytes) {
        throw new FleetsecError("input", `${what} is larger than ${maxBytes} bytes`, {
          hint: "divide it: each part is issued by a command of its own",
        });
      }
      chunks.push(chunk);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
  signal.throwIfAborted();
  return Buffer.concat(chunks);
}
