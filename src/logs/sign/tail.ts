import { FleetsecError } from "../../errors.ts";
import { type Checkpoint, parseCheckpoint } from "../checkpoint.ts";
import { CHECKPOINT } from "../layout.ts";
import { type BatchLeaf, formatLeaf, parseLeaf } from "../leaf.ts";
import { HASH_SIZE, leafHash, rootOf, sha256 } from "../merkle.ts";
import { MAX_NOTE_SIZE, parseNote } from "../note.ts";
import type { LogSigner } from "../signer.ts";
import type { LogStore } from "../store.ts";
import {
  bundlePath,
  encodeBundle,
  levelSize,
  MAX_ENTRY,
  parseBundle,
  partialTilesOf,
  TILE_WIDTH,
  tilePath,
  treeFromTiles,
} from "../tiles.ts";
import { signatureBy, verifySignature } from "../verifier-key.ts";

/** The right edge of a log: all that its next leaf needs. */
export interface LogTail {
  readonly checkpoint: Checkpoint;
  /** Hashes of the rightmost tile of each level where that is not full; empty where it is. */
  readonly levels: readonly Buffer[];
  /** Entries of the rightmost bundle where that is not full. */
  readonly entries: readonly Uint8Array[];
  /** When the last batch was closed, in seconds since the epoch. */
  readonly closed: number;
  /** SHA-256 of the last leaf, in hex. */
  readonly prev: string | undefined;
}

/** A log with nothing in it. */
export function emptyTail(origin: string): LogTail {
  const checkpoint = { origin, size: 0, root: rootOf(Buffer.alloc(0)) };
  return { checkpoint, levels: [], entries: [], closed: 0, prev: undefined };
}

/** A store's newest checkpoint, signed by the key given; undefined where the store has none. */
export async function readCheckpoint(store: LogStore, { key }: LogSigner): Promise<Checkpoint | undefined> {
  const bytes = await store.read(CHECKPOINT, MAX_NOTE_SIZE);
  if (bytes === undefined) return undefined;
  const note = parseNote(bytes);
  const checkpoint = parseCheckpoint(note.text);
  const signature = signatureBy(key, note)?.signature;
  if (checkpoint.origin !== key.name || signature === undefined) {
    throw new FleetsecError("refused", `the log in this store is not signed with the key of ${key.name}`, {
      hint: "sign with the log's own key, or start another log in another store",
    });
  }
  if (!verifySignature(key, note.text, signature)) throw damaged("its checkpoint's signature is not valid");
  return checkpoint;
}

/**
 * The tail of the log at a checkpoint, from the store's tiles and its last leaf.
 * @throws FleetsecError `state` where they do not lead to the checkpoint's root: nothing may be
 *   signed on top of a log that was tampered with
 */
export async function readTail(store: LogStore, checkpoint: Checkpoint): Promise<LogTail> {
  const { size, origin } = checkpoint;
  if (size === 0) return emptyTail(origin);
  const levels: Buffer[] = [];
  for (const tile of partialTilesOf(size)) {
    const hashes = await store.read(tilePath(tile), TILE_WIDTH * HASH_SIZE);
    if (hashes?.length !== tile.width * HASH_SIZE) throw damaged(`${tilePath(tile)} is missing or too short`);
    levels[tile.level] = hashes;
  }
  const tree = treeFromTiles(size, ({ level }) => levels[level] as Buffer);
  if (!tree.root().equals(checkpoint.root)) throw damaged("its tiles do not lead to its signed root");
  const bundle = await readLastBundle(store, size);
  const last = bundle.at(-1) as Uint8Array;
  const { seq, to } = parseLeaf(last);
  if (seq !== size - 1) throw damaged(`its last leaf is numbered ${seq}`);
  return {
    checkpoint,
    levels: Array.from(levels, (hashes) => hashes ?? Buffer.alloc(0)),
    entries: size % TILE_WIDTH === 0 ? [] : bundle,
    closed: to,
    prev: sha256(last).toString("hex"),
  };
}

/** The entries of the rightmost bundle, checked against level 0 of the tree. */
async function readLastBundle(store: LogStore, size: number): Promise<Uint8Array[]> {
  const index = Math.floor((size - 1) / TILE_WIDTH);
  const width = size - index * TILE_WIDTH;
  const path = bundlePath(index, width);
  const bytes = await store.read(path, TILE_WIDTH * (2 + MAX_ENTRY));
  const hashes = await store.read(tilePath({ level: 0, index, width }), TILE_WIDTH * HASH_SIZE);
  if (bytes === undefined || hashes === undefined) throw damaged(`${path} or its tile is missing`);
  const entries = parseBundle(bytes, width);
  if (!Buffer.concat(entries.map(leafHash)).equals(hashes)) throw damaged(`${path} does not fit its tile`);
  return entries;
}

/** What adding a leaf changes: the store's new files, and the tail after them. */
export interface Growth {
  readonly tail: LogTail;
  readonly files: readonly { readonly path: string; readonly data: Buffer }[];
}

/** Adds the leaf of the next batch to a log. Touches nothing. */
export function grow(tail: LogTail, leaf: Omit<BatchLeaf, "seq" | "prev">): Growth {
  const { size, origin } = tail.checkpoint;
  const bytes = formatLeaf({ ...leaf, seq: size, prev: tail.prev });
  const bundle = [...tail.entries, bytes];
  const files = [
    { path: bundlePath(Math.floor(size / TILE_WIDTH), bundle.length), data: encodeBundle(bundle) },
  ];
  const levels = [...tail.levels];
  let carry: Buffer | undefined = leafHash(bytes);
  for (let level = 0; carry !== undefined; level += 1) {
    const hashes: Buffer = Buffer.concat([levels[level] ?? Buffer.alloc(0), carry]);
    const width = hashes.length / HASH_SIZE;
    const index = Math.floor(levelSize(level, size) / TILE_WIDTH);
    files.push({ path: tilePath({ level, index, width }), data: hashes });
    const full = width === TILE_WIDTH;
    levels[level] = full ? Buffer.alloc(0) : hashes;
    carry = full ? rootOf(hashes) : undefined;
  }
  const tree = treeFromTiles(size + 1, ({ level }) => levels[level] as Buffer);
  return {
    files,
    tail: {
      checkpoint: { origin, size: size + 1, root: tree.root() },
      levels,
      entries: bundle.length === TILE_WIDTH ? [] : bundle,
      closed: leaf.to,
      prev: sha256(bytes).toString("hex"),
    },
  };
}

function damaged(detail: string): FleetsecError {
  return new FleetsecError("state", `this log cannot be continued: ${detail}`, {
    hint: "run fleetsec verify-logs on the store; restore what it names",
  });
}
