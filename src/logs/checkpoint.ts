import { FleetsecError } from "../errors.ts";
import { parseBase64 } from "./base64.ts";
import { parseDecimal } from "./decimal.ts";
import { HASH_SIZE } from "./merkle.ts";

/** A log's state (C2SP tlog-checkpoint): the text of the note that the log signs. */
export interface Checkpoint {
  /** The log's name. */
  readonly origin: string;
  /** Leaves in the tree. */
  readonly size: number;
  readonly root: Uint8Array;
}

/**
 * A checkpoint's text. Extension lines are refused: nobody could audit them.
 * @throws FleetsecError `input` on anything that is not exactly a checkpoint
 */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.split("\n");
  const [origin = "", decimal = "", base64 = "", end] = lines;
  if (lines.length !== 4 || end !== "") {
    throw malformed(lines.length > 4 ? "it has lines beyond the root" : "it is not three lines");
  }
  if (origin === "") throw malformed("it has no origin");
  const size = parseDecimal(decimal);
  if (size === undefined) throw malformed("its size is no decimal without leading zeros below 2^53");
  const root = parseBase64(base64);
  if (root?.length !== HASH_SIZE) throw malformed("its root is not 32 bytes in base64");
  return { origin, size, root };
}

/** The text that is signed. */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${Buffer.from(root).toString("base64")}\n`;
}

function malformed(detail: string): FleetsecError {
  return new FleetsecError("input", `malformed checkpoint: ${detail}`);
}
