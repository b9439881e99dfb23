import { FleetsecError } from "../../errors.ts";
import { parseCheckpoint } from "../checkpoint.ts";
import { parseNote } from "../note.ts";
import type { SignedCheckpoint } from "../verify/signed-checkpoint.ts";

/**
 * Whether a place has this checkpoint already, whatever the signatures under it.
 * @param held what is there under its name; undefined for nothing
 * @throws FleetsecError `refused` where it is something else
 */
export function isPresent(
  held: Uint8Array | undefined,
  { note, origin, size }: SignedCheckpoint,
  at: string,
): boolean {
  if (held === undefined) return false;
  if (textOf(held) === parseNote(Buffer.from(note)).text) return true;
  throw new FleetsecError(
    "refused",
    `${at} is there and is not the checkpoint of ${origin} of size ${size}`,
    {
      hint: "keep both: if the log's key signed both, the log showed two histories",
    },
  );
}

/**
 * The same for a place that can hold one checkpoint only, and is given the next one.
 * @throws FleetsecError `refused` where it is not an older one of the same log
 */
export function isCurrent(held: Uint8Array | undefined, checkpoint: SignedCheckpoint, at: string): boolean {
  const text = held === undefined ? undefined : textOf(held);
  const there = text === undefined ? undefined : checkpointIn(text);
  const older = there?.origin === checkpoint.origin && there.size < checkpoint.size;
  return older ? false : isPresent(held, checkpoint, at);
}

function textOf(note: Uint8Array): string | undefined {
  return unlessMalformed(() => parseNote(note).text);
}

function checkpointIn(text: string) {
  return unlessMalformed(() => parseCheckpoint(text));
}

function unlessMalformed<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof FleetsecError) return undefined;
    throw error;
  }
}
