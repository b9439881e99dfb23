import { createHash } from "node:crypto";
import { join } from "node:path";
import { FleetsecError } from "../../errors.ts";
import type { Files } from "../../platform/files.ts";
import type { Locks } from "../../platform/lock.ts";
import { HASH_SIZE, rootOf } from "../merkle.ts";
import { MAX_NOTE_SIZE } from "../note.ts";
import { getHash, type HashTree } from "./hash-tree.ts";
import { openCheckpoint, type SignedCheckpoint } from "./signed-checkpoint.ts";
import type { Trust } from "./trust.ts";
import type { BatchRange } from "./verification.ts";

/**
 * The auditor's memory: per origin the last checkpoint that was verified, as ssh keeps known hosts.
 * Beside it the hashes of its leaves, so that a rewritten log can be told at which leaf it differs.
 */
export interface Kept {
  readonly checkpoint: SignedCheckpoint;
  /** Leaf hashes of that tree; undefined where they are not kept or do not have its root. */
  readonly leaves: Buffer | undefined;
  /** When it was kept, in milliseconds since the epoch. */
  readonly since: number;
  readonly path: string;
}

/** Leaves of the largest tree whose leaf hashes are kept: 32 MiB. */
export const MAX_KEPT_LEAVES = 1 << 20;

/** A name that any origin can be given in any file system: readable where it can be, and never shared. */
export function keptName(origin: string): string {
  const readable = origin
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, 60);
  return `${readable}-${createHash("sha256").update(origin).digest("hex").slice(0, 16)}`;
}

/**
 * @throws FleetsecError `state` where what is kept is damaged or not of that origin; `permission`
 *   and `io` where it cannot be read
 */
export function readKept(files: Files, directory: string, origin: string, trust: Trust): Kept | undefined {
  const path = join(directory, `${keptName(origin)}.checkpoint`);
  if (files.kind(path) === undefined) return undefined;
  const opened = openCheckpoint(files.read(path, MAX_NOTE_SIZE), trust);
  if ("code" in opened || opened.origin !== origin) {
    const why = "code" in opened ? opened.detail : `it is of ${opened.origin}`;
    throw new FleetsecError("state", `the checkpoint kept in ${path} cannot be used: ${why}`, {
      hint: "name the trust file that it was verified with; remove it only if you know why it changed",
    });
  }
  return {
    checkpoint: opened,
    leaves: readLeaves(files, directory, opened),
    since: files.stat(path).mtime,
    path,
  };
}

function readLeaves(
  files: Files,
  directory: string,
  { origin, size, root }: SignedCheckpoint,
): Buffer | undefined {
  const path = join(directory, `${keptName(origin)}.leaves`);
  if (size > MAX_KEPT_LEAVES || files.kind(path) !== "file") return undefined;
  // more leaves than the checkpoint has were written before a checkpoint that was not
  const leaves = files.read(path, MAX_KEPT_LEAVES * HASH_SIZE).subarray(0, size * HASH_SIZE);
  return leaves.length === size * HASH_SIZE && rootOf(leaves).equals(root) ? leaves : undefined;
}

/** The hashes of some leaves of a tree, to be kept with its checkpoint, where they are not too many. */
export function keptLeavesOf(tree: HashTree, size: number, { from, to }: BatchRange): Buffer | undefined {
  if (size > MAX_KEPT_LEAVES) return undefined;
  const leaves = Buffer.alloc((to - from) * HASH_SIZE);
  for (let i = from; i < to; i++) {
    const hash = getHash(tree, 0, i);
    if (hash === undefined) return undefined;
    leaves.set(hash, (i - from) * HASH_SIZE);
  }
  return leaves;
}

/**
 * Keeps a checkpoint unless a later one is kept already.
 * @param leaves the hashes of its leaves, where they are to be kept
 * @returns where it is kept
 */
export async function keep(
  { files, locks }: { readonly files: Files; readonly locks: Locks },
  directory: string,
  checkpoint: SignedCheckpoint,
  leaves: Buffer | undefined,
  trust: Trust,
): Promise<string> {
  const { origin, size, note } = checkpoint;
  const base = join(directory, keptName(origin));
  files.makeDirectory(directory);
  await locks.hold(`${base}.lock`, async () => {
    const kept = readKept(files, directory, origin, trust);
    if (kept !== undefined && kept.checkpoint.size >= size) return;
    if (leaves !== undefined) files.write(`${base}.leaves`, leaves, { mode: 0o600 });
    files.write(`${base}.checkpoint`, note, { mode: 0o600 });
  });
  return `${base}.checkpoint`;
}
