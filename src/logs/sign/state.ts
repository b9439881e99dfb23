import { FleetsecError } from "../../errors.ts";
import type { Files } from "../../platform/files.ts";
import { parseCheckpoint } from "../checkpoint.ts";
import type { WriteFile } from "../store.ts";
import type { PrefixDigest } from "./prefix-hash.ts";

/** How far an input has been signed. */
export interface InputPosition extends PrefixDigest {
  /** An absolute path, or `-` for standard input. */
  readonly name: string;
  /** Bytes and lines that are in signed batches. */
  readonly bytes: number;
  readonly lines: number;
  /** SHA-256 of the first record, in hex: tells at once whether a file can be this input. */
  readonly first: string;
  /** The last line had no newline when it was signed. */
  readonly unterminated: boolean;
  /** Device and inode of a file that was followed: of two that begin alike it is the one. Empty where it was removed. */
  readonly file?: string;
}

/**
 * What the signer has committed itself to: the newest checkpoint's text, whose batch, bundles and
 * tiles are in the store, and how far that brings each input. Writing it is what makes a batch
 * signed: whatever ends the process afterwards, the next run publishes exactly this.
 */
export interface SignerState {
  /** The text of the checkpoint. */
  readonly text: string;
  readonly inputs: readonly InputPosition[];
}

const SCHEMA = "fleetsec.signer-state/v2";
/** Has no stretches. */
const OLD_SCHEMA = "fleetsec.signer-state/v1";
export const MAX_STATE = 16 << 20;

/** @returns undefined where there is none. @throws FleetsecError `state` where it is damaged */
export function readState(files: Files, path: string): SignerState | undefined {
  if (files.kind(path) === undefined) return undefined;
  try {
    return parseState(files.readText(path, MAX_STATE));
  } catch (cause) {
    throw new FleetsecError("state", `${path} is damaged`, {
      hint: "restore it from a backup; without it, see docs/logs.md on signing on",
      cause,
    });
  }
}

export async function writeState(
  write: WriteFile,
  path: string,
  { text, inputs }: SignerState,
): Promise<void> {
  const document = { schema: SCHEMA, checkpoint: text, inputs };
  await write(path, `${JSON.stringify(document, null, 1)}\n`, { mode: 0o600 });
}

function parseState(json: string): SignerState {
  const { schema, checkpoint, inputs } = JSON.parse(json) as Record<string, unknown>;
  if (
    (schema !== SCHEMA && schema !== OLD_SCHEMA) ||
    typeof checkpoint !== "string" ||
    !Array.isArray(inputs)
  ) {
    throw new TypeError("not a signer's state");
  }
  parseCheckpoint(checkpoint);
  return { text: checkpoint, inputs: inputs.map(parsePosition) };
}

/** @throws TypeError */
export function parsePosition(value: unknown): InputPosition {
  const { name, bytes, lines, sha256, stretches, first, unterminated, file } = value as Record<
    string,
    unknown
  >;
  const counts = [bytes, lines].every((n) => Number.isSafeInteger(n) && (n as number) >= 0);
  const hashes = [sha256, first].every((hex) => typeof hex === "string" && /^[0-9a-f]{64}$/.test(hex));
  if (typeof name !== "string" || !counts || !hashes || typeof unterminated !== "boolean") {
    throw new TypeError("not the position of an input");
  }
  if (file !== undefined && typeof file !== "string") throw new TypeError("not a file's id");
  if (stretches !== undefined && !areStretches(stretches, bytes as number))
    throw new TypeError("no stretches");
  const position = { name, bytes, lines, sha256, first, unterminated } as InputPosition;
  return {
    ...position,
    ...(stretches === undefined ? {} : { stretches: stretches as number[] }),
    ...(file === undefined ? {} : { file }),
  };
}

/** Whether these numbers of bytes add up to all of them. */
function areStretches(value: unknown, bytes: number): boolean {
  if (!Array.isArray(value) || value.length < 2) return false;
  const all = value as unknown[];
  if (!all.every((n) => Number.isSafeInteger(n) && (n as number) > 0)) return false;
  return (all as number[]).reduce((sum, n) => sum + n, 0) === bytes;
}
