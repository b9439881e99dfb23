import { dirname, join } from "node:path";
import { FleetsecError } from "../../../errors.ts";
import type { SignedLog } from "../publish.ts";

/**
 * Which file a log began with of which nothing is signed yet. A run that is killed before its first batch
 * leaves no position; by this the next one knows that file again, whatever rotation has called it since.
 */
export interface BegunLogs {
  /** Device and inode of the file that the log at that path began with; undefined where none was noted. */
  of(path: string): string | undefined;
  /** Durable before the first line of that file is taken. */
  note(path: string, id: string): Promise<void>;
}

const SCHEMA = "fleetsec.signer-begun/v1";
const MAX_SIZE = 16 << 20;
/** Logs that are remembered; the oldest are forgotten beyond that. */
const MAX_LOGS = 10_000;

/** @throws FleetsecError `state` where the note of an earlier run is damaged */
export function begunLogs({ files, write, statePath }: SignedLog): BegunLogs {
  const at = join(dirname(statePath), "begun.json");
  const logs = new Map(files.kind(at) === undefined ? [] : parse(at, files.readText(at, MAX_SIZE)));
  return {
    of: (path) => logs.get(path),
    async note(path, id) {
      if (logs.get(path) === id) return;
      logs.delete(path);
      logs.set(path, id);
      const document = { schema: SCHEMA, logs: [...logs].slice(-MAX_LOGS) };
      await write(at, `${JSON.stringify(document, null, 1)}\n`, { mode: 0o600 });
    },
  };
}

function parse(at: string, json: string): readonly (readonly [string, string])[] {
  try {
    const { schema, logs } = JSON.parse(json) as Record<string, unknown>;
    if (schema === SCHEMA && Array.isArray(logs) && logs.every(isEntry)) return logs;
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
  }
  throw new FleetsecError("state", `${at} is damaged`, {
    hint: "restore it from a backup, or remove it: it tells only of logs of which nothing is signed yet",
  });
}

function isEntry(value: unknown): value is readonly [string, string] {
  return Array.isArray(value) && value.length === 2 && value.every((one) => typeof one === "string");
}
