import { FleetsecError } from "../../errors.ts";
import type { Files } from "../../platform/files.ts";
import { hashRecords, NEWLINE } from "../records.ts";
import type { WriteFile } from "../store.ts";
import { MAX_BATCH_BYTES } from "./batch.ts";
import type { Batch } from "./publish.ts";
import { type InputPosition, MAX_STATE, parsePosition } from "./state.ts";

/**
 * A batch on its way into a store of which nothing can be removed. It is kept beside the signer's
 * state before any of it is written there: whatever ends the process, the next run writes the same
 * bytes again, and so meets what is there already as its own.
 */
export interface PendingBatch {
  /** Its number in the log. */
  readonly seq: number;
  readonly batch: Batch;
  /** How far it brings each input. */
  readonly inputs: readonly InputPosition[];
}

const SCHEMA = "fleetsec.pending-batch/v2";
/** Its inputs have no stretches. */
const OLD_SCHEMA = "fleetsec.pending-batch/v1";

/** A line of JSON, then the records as they are. */
export async function writePending(
  write: WriteFile,
  path: string,
  { seq, batch, inputs }: PendingBatch,
): Promise<void> {
  const { from, to, sha256, data } = batch;
  const header = JSON.stringify({ schema: SCHEMA, seq, from, to, sha256, inputs });
  await write(path, Buffer.concat([Buffer.from(`${header}\n`), data]), { mode: 0o600 });
}

/** @returns undefined where there is none. @throws FleetsecError `state` where it is damaged */
export function readPending(files: Files, path: string): PendingBatch | undefined {
  if (files.kind(path) === undefined) return undefined;
  const bytes = files.read(path, MAX_STATE + MAX_BATCH_BYTES);
  try {
    return parsePending(bytes);
  } catch (cause) {
    throw new FleetsecError("state", `${path} is damaged`, {
      hint: "restore it from a backup; without it, see docs/logs.md on signing on",
      cause,
    });
  }
}

function parsePending(bytes: Buffer): PendingBatch {
  const end = bytes.indexOf(NEWLINE);
  const header = JSON.parse(bytes.toString("utf8", 0, end)) as Record<string, unknown>;
  const { schema, seq, from, to, sha256, inputs } = header;
  const numbers = [seq, from, to].every((n) => Number.isSafeInteger(n) && (n as number) >= 0);
  if ((schema !== SCHEMA && schema !== OLD_SCHEMA) || !numbers || !Array.isArray(inputs))
    throw new TypeError("no pending batch");
  const batch = batchOf(bytes.subarray(end + 1), from as number, to as number);
  if (batch.sha256 !== sha256) throw new TypeError("its records are not what they were");
  return { seq: seq as number, batch, inputs: inputs.map(parsePosition) };
}

/** A batch of these records. */
export function batchOf(data: Buffer, from: number, to: number): Batch {
  return { ...hashRecords(data), data, from, to };
}
