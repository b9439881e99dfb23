import { CHECKPOINT, checkpointPath, COSIGNED } from "../layout.ts";
import { MAX_NOTE_SIZE, parseNote } from "../note.ts";
import type { VerifierKey } from "../verifier-key.ts";
import type { Findings } from "./finding.ts";
import { gapsIn, reportGaps } from "./gaps.ts";
import { inOrder } from "./in-order.ts";
import type { Inventory } from "./inventory.ts";
import type { OpenMany } from "./open-checkpoints.ts";
import type { Pace } from "./pace.ts";
import { keyName, openCheckpoint, outOfRangeText, type SignedCheckpoint } from "./signed-checkpoint.ts";
import type { StoreReader } from "./store.ts";
import type { Trust } from "./trust.ts";

/** A root that the log signed, and where the store has it. */
export interface SignedRoot {
  readonly size: number;
  readonly root: Uint8Array;
  readonly path: string;
}

/** A checkpoint of the store that is believed. */
export interface StoredCheckpoint extends SignedRoot {
  /** Keys of the log that signed it and may. */
  readonly keys: readonly VerifierKey[];
}

/** What the log signed, by its store. */
export interface History {
  /** The log's name, where any of its checkpoints is verified. */
  readonly origin: string | undefined;
  /** The newest checkpoint, where it is there and verified. */
  readonly current: SignedCheckpoint | undefined;
  /** The newest one that witnesses cosigned, where it is there and verified. */
  readonly cosigned: SignedCheckpoint | undefined;
  /** Verified ones under fleetsec/checkpoint/; sizes ascend. */
  readonly stored: readonly StoredCheckpoint[];
}

/**
 * Reads and verifies every checkpoint of the store, and reports those that are not to be believed.
 * @param openMany opens the bulk of them elsewhere
 */
export async function readHistory(
  reader: StoreReader,
  inventory: Inventory,
  trust: Trust,
  ours: boolean,
  findings: Findings,
  pace: Pace,
  openMany?: OpenMany,
): Promise<History> {
  let current: SignedCheckpoint | undefined;
  let newest: Buffer | undefined;
  const read = (path: string) => reader.read(path, MAX_NOTE_SIZE);
  const open = (path: string, bytes: Buffer | undefined): SignedCheckpoint | undefined => {
    if (bytes === undefined) return undefined;
    if (newest?.equals(bytes) === true) return current;
    const opened = openCheckpoint(bytes, trust);
    if (!("code" in opened)) {
      if (opened.outOfRange.length > 0) {
        const detail = outOfRangeText(opened.size, opened.outOfRange);
        findings.add({ code: "KEY_OUT_OF_RANGE", path, detail });
      }
      for (const key of ours ? opened.highS : []) {
        const detail = `the signature of ${keyName(key)} has the larger s, which no signer of this format writes`;
        findings.add({ code: "SIG_INVALID", path, detail });
      }
      return opened;
    }
    findings.add({ code: opened.code, path, detail: opened.detail });
    return undefined;
  };
  if (!inventory.checkpoint && !inventory.irregular.has(CHECKPOINT)) {
    findings.add({ code: "CHECKPOINT_MISSING", path: CHECKPOINT, detail: "it is missing" });
  }
  current = inventory.checkpoint ? open(CHECKPOINT, await read(CHECKPOINT)) : undefined;
  newest = current && Buffer.from(current.note);
  let origin = current?.origin;
  const stored: StoredCheckpoint[] = [];
  for await (const [size, found] of checkpointsIn(reader, inventory, current, openMany)) {
    await pace();
    if (found !== undefined && "root" in found) {
      stored.push(found);
      continue;
    }
    const path = checkpointPath(size);
    const checkpoint = open(path, found);
    if (checkpoint === undefined) continue;
    origin ??= checkpoint.origin;
    if (checkpoint.origin !== origin) {
      findings.add({
        code: "ORIGIN_MISMATCH",
        path,
        detail: `it is of ${checkpoint.origin}, not of ${origin}`,
      });
      continue;
    }
    if (checkpoint.size !== size) {
      findings.add({
        code: "NOTE_MALFORMED",
        path,
        detail: `it is the checkpoint of size ${checkpoint.size}, which its name contradicts`,
      });
    }
    const { size: at, root, keys } = checkpoint;
    stored.push({ size: at, root, path, keys });
    if (current !== undefined && checkpoint.size === current.size)
      compare(current, checkpoint, path, findings);
  }
  const cosigned = inventory.cosigned ? open(COSIGNED, await read(COSIGNED)) : undefined;
  origin ??= cosigned?.origin;
  const isOurs = cosigned !== undefined && judgeCosigned(cosigned, origin, current, stored, findings);
  stored.sort((a, b) => a.size - b.size);
  return { origin, current, cosigned: isOurs ? cosigned : undefined, stored };
}

/** Checkpoints that are given to another thread at once. */
const CHUNK = 256;
/** So many chunks keep the threads busy, however many these are. */
const CHUNKS_ABREAST = 16;

/**
 * The checkpoints by size, in order: opened already, or as bytes to open. Without a newest one nothing
 * says whose they should be, and beside a copy of it there is more to compare.
 */
async function* checkpointsIn(
  reader: StoreReader,
  { checkpoints }: Inventory,
  current: SignedCheckpoint | undefined,
  openMany: OpenMany | undefined,
): AsyncGenerator<readonly [number, StoredCheckpoint | Buffer | undefined]> {
  const read = (size: number) => reader.read(checkpointPath(size), MAX_NOTE_SIZE);
  if (openMany === undefined || current === undefined) {
    yield* inOrder(checkpoints, reader.abreast, read);
    return;
  }
  const starts = Array.from({ length: Math.ceil(checkpoints.length / CHUNK) }, (_, i) => i * CHUNK);
  const chunks = inOrder(starts, CHUNKS_ABREAST, (start) =>
    openMany(checkpoints.slice(start, start + CHUNK), current.origin),
  );
  for await (const [start, opened] of chunks) {
    for (const [i, checkpoint] of opened.entries()) {
      const size = checkpoints[start + i] as number;
      yield [size, size === current.size ? await read(size) : (checkpoint ?? (await read(size)))];
    }
  }
}

/** The checkpoint with the cosignatures is one of the log's like any other. @returns whether it is one at all */
function judgeCosigned(
  cosigned: SignedCheckpoint,
  origin: string | undefined,
  current: SignedCheckpoint | undefined,
  stored: StoredCheckpoint[],
  findings: Findings,
): boolean {
  if (cosigned.origin !== origin) {
    const detail = `it is of ${cosigned.origin}, not of ${origin}`;
    findings.add({ code: "ORIGIN_MISMATCH", path: COSIGNED, detail });
    return false;
  }
  if (cosigned.size === 0) {
    const detail = "it is of size 0, for which a log has no checkpoint";
    findings.add({ code: "UNEXPECTED_FILE", path: COSIGNED, detail });
    return false;
  }
  if (parseNote(Buffer.from(cosigned.note)).signatures.every(({ name }) => name === origin)) {
    const detail = "nobody but the log itself signed it: it is no cosigned checkpoint";
    findings.add({ code: "UNEXPECTED_FILE", path: COSIGNED, detail });
  }
  // first: of two of one size, the copy that is never changed counts
  const { size, root, keys } = cosigned;
  stored.unshift({ size, root, keys, path: COSIGNED });
  if (current?.size !== cosigned.size || Buffer.compare(current.root, cosigned.root) === 0) return true;
  reportEquivocation(findings, current.size, CHECKPOINT, current.note, COSIGNED, cosigned.note);
  return true;
}

/**
 * The newest checkpoint against the copy that is never changed: it may have further cosignatures, and
 * nothing else.
 */
function compare(
  current: SignedCheckpoint,
  stored: SignedCheckpoint,
  path: string,
  findings: Findings,
): void {
  if (!Buffer.from(current.root).equals(stored.root)) {
    reportEquivocation(findings, current.size, CHECKPOINT, current.note, path, stored.note);
    return;
  }
  // told already, where they were found
  const highS = [...current.highS, ...stored.highS].map(keyName);
  const [has, had] = [current, stored].map(({ note }) => {
    const { signatures } = parseNote(Buffer.from(note));
    return signatures
      .filter((one) => !highS.includes(keyName(one)))
      .map(({ name, keyId, signature }) => `${name} ${keyId} ${Buffer.from(signature).toString("hex")}`);
  });
  if (had?.every((signature) => has?.includes(signature)) !== true) {
    findings.add({ code: "SIG_INVALID", path: CHECKPOINT, detail: `it lacks a signature that ${path} has` });
  }
  const signers = [...stored.keys, ...stored.outOfRange];
  for (const key of [...current.keys, ...current.outOfRange]) {
    if (signers.includes(key)) continue;
    const detail = `it lacks the signature of ${keyName(key)}, which ${CHECKPOINT} has`;
    findings.add({ code: "SIG_INVALID", path, detail });
  }
}

/** Two notes of one size with different roots, both signed by the log: it showed two histories. */
export function reportEquivocation(
  findings: Findings,
  size: number,
  path: string,
  note: string,
  otherPath: string,
  otherNote: string,
): void {
  findings.add({
    code: "EQUIVOCATION",
    path,
    detail: `the log signed two roots of size ${size}: here, and in ${otherPath}`,
    notes: [note, otherNote],
  });
}

/**
 * There is a checkpoint after every leaf.
 * @param size that the log signed, by whatever tells
 */
export function reportMissing(inventory: Inventory, size: number, findings: Findings): void {
  const sizes = inventory.checkpoints.map((at) => at - 1);
  reportGaps(gapsIn(sizes, size), (from, to) => {
    const path = checkpointPath(from + 1);
    if (inventory.irregular.has(path)) return;
    findings.add({
      code: "CHECKPOINT_MISSING",
      path,
      detail: from === to ? "it is missing" : `it and all up to size ${to + 1} are missing`,
    });
  });
}
