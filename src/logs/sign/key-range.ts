import { FleetsecError } from "../../errors.ts";
import { parseCheckpoint } from "../checkpoint.ts";
import { checkpointPath } from "../layout.ts";
import { MAX_NOTE_SIZE, parseNote } from "../note.ts";
import { leadsTo } from "../rotation.ts";
import type { LogStore } from "../store.ts";
import { formatVerifierKey, signatureBy, type VerifierKey, verifySignature } from "../verifier-key.ts";
import { rotationAt } from "./rotation-at.ts";

/** The sizes of the checkpoints that a key signs, as the auditors' trust file names them. */
export interface KeyRange {
  /** A verifier key as text. */
  readonly key: string;
  readonly first: number;
  /** Undefined where it goes on signing. */
  readonly last?: number;
}

/**
 * The range of a key that signs up to `last`. A key signs without a gap, so its first checkpoint is found
 * by bisection. Only a change of keys begins a range: one that joined others without it counts from 1.
 * @throws FleetsecError `state` where the checkpoints do not tell
 */
export async function rangeUntil(store: LogStore, key: VerifierKey, last: number): Promise<KeyRange> {
  if (!(await signed(store, key, last))) {
    throw new FleetsecError("state", `${checkpointPath(last)} is not signed by ${formatVerifierKey(key)}`, {
      hint: "name the keys that signed until the change with --key",
    });
  }
  // it signed the one of `first` batches, and not the one of `before`
  let [before, first] = [0, last];
  while (first - before > 1) {
    const size = Math.floor((before + first) / 2);
    if (await signed(store, key, size)) first = size;
    else before = size;
  }
  const rotation = first === 1 ? undefined : await rotationAt(store, key.name, first);
  return {
    key: formatVerifierKey(key),
    first: rotation !== undefined && leadsTo(rotation, key) ? first : 1,
    last,
  };
}

async function signed(store: LogStore, key: VerifierKey, size: number): Promise<boolean> {
  const path = checkpointPath(size);
  const bytes = await store.read(path, MAX_NOTE_SIZE);
  if (bytes === undefined) {
    throw new FleetsecError(
      "state",
      `${path} is missing: since when ${formatVerifierKey(key)} signs is not known`,
      {
        hint: "bring it back, and run the same command again: it prints the ranges",
      },
    );
  }
  const note = parseNote(bytes);
  const signature = signatureBy(key, note)?.signature;
  if (signature === undefined) return false;
  const { origin, size: claimed } = parseCheckpoint(note.text);
  return origin === key.name && claimed === size && verifySignature(key, note.text, signature);
}
