import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { FleetsecError } from "../../../errors.ts";
import type { OpenFile } from "../../../platform/files.ts";
import { WINDOW } from "../positions.ts";
import type { SignedLog } from "../publish.ts";

/** The file that a log began with. */
export interface BegunFile {
  /** Device and inode. */
  readonly file: string;
  /** How many of its first bytes are known, and their SHA-256 in hex. */
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * Which file a log began with of which nothing is signed yet. A run that is killed before its first batch
 * leaves no position; by this the next one knows that file again, or a copy of it, whatever rotation has
 * called it since.
 */
export interface BegunLogs {
  /** The file that the log at that path began with; undefined where none was noted. */
  of(path: string): BegunFile | undefined;
  /** Of every log that has such a note. */
  paths(): Iterable<string>;
  /** Those of several logs, by path, in one write: durable before the first line of these files is taken. */
  note(begun: ReadonlyMap<string, BegunFile>): Promise<void>;
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
    paths: () => logs.keys(),
    async note(begun) {
      for (const [path, file] of begun) {
        logs.delete(path);
        logs.set(path, file);
      }
      const document = { schema: SCHEMA, logs: [...logs].slice(-MAX_LOGS) };
      await write(at, `${JSON.stringify(document, null, 1)}\n`, { mode: 0o600 });
    },
  };
}

/** @param lines the first of the file, one or more */
export function begunFile(file: string, lines: Buffer): BegunFile {
  const head = lines.subarray(0, WINDOW);
  return { file, bytes: head.length, sha256: sha256Of(head) };
}

/** Whether the file begins as that one did: it, or a copy of it. */
export function beginsAs(file: OpenFile, { bytes, sha256 }: BegunFile): boolean {
  const head = Buffer.allocUnsafe(bytes);
  return file.read(head, 0) === bytes && sha256Of(head) === sha256;
}

function sha256Of(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function parse(at: string, json: string): readonly (readonly [string, BegunFile])[] {
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

function isEntry(value: unknown): value is readonly [string, BegunFile] {
  if (!Array.isArray(value) || value.length !== 2 || typeof value[0] !== "string") return false;
  const { file, bytes, sha256 } = (value[1] ?? {}) as Record<keyof BegunFile, unknown>;
  const isCount = Number.isInteger(bytes) && Number(bytes) > 0 && Number(bytes) <= WINDOW;
  return typeof file === "string" && isCount && typeof sha256 === "string" && /^[0-9a-f]{64}$/.test(sha256);
}
