import { FleetsecError } from "../../errors.ts";
import type { Locks } from "../../platform/lock.ts";
import type { SendHttp } from "../../platform/patient-http.ts";
import type { Clock } from "../../platform/platform.ts";
import { CHECKPOINT, COSIGNED } from "../layout.ts";
import { HASH_SIZE } from "../merkle.ts";
import { formatNote, MAX_NOTE_SIZE, parseNote } from "../note.ts";
import { type AskRoots, withRangeRoots } from "../store-tree.ts";
import type { LogStore } from "../store.ts";
import { type Tile, tilePath, TILE_WIDTH } from "../tiles.ts";
import { openCheckpoint, type SignedCheckpoint } from "../verify/signed-checkpoint.ts";
import { quorumMet, type Trust } from "../verify/trust.ts";
import { addCheckpoint, type Witness, type Witnessed } from "./add-checkpoint.ts";

export interface WitnessRequest {
  readonly store: LogStore;
  /** The directory whose lock keeps the log's signer away. */
  readonly lock: string;
  /** The newest checkpoint there, as it is to be cosigned. */
  readonly checkpoint: SignedCheckpoint;
  readonly trust: Trust;
}

export interface WitnessParts {
  readonly locks: Locks;
  readonly clock: Pick<Clock, "now">;
  readonly send: SendHttp;
  readonly signal: AbortSignal;
}

export interface WitnessReport {
  readonly witnesses: readonly {
    readonly name: string;
    readonly outcome: Witnessed["outcome"];
    readonly detail?: string;
  }[];
  /** Whether those that have cosigned, now or before, are enough for the policy. */
  readonly quorum: boolean;
}

/** Milliseconds. A signer at work writes the next checkpoint soon: that one is then asked for. */
const LOCK_TIMEOUT = 1_000;

/**
 * Asks every witness of the policy for its cosignature and keeps those that came, with the
 * checkpoint, in `fleetsec/cosigned`; in `checkpoint` too, unless a signer is at work there.
 * @throws FleetsecError `usage` where the policy gives no witness a URL; `state` where the store's
 *   tiles do not make the root that is to be cosigned
 */
export async function witnessCheckpoint(
  request: WitnessRequest,
  parts: WitnessParts,
): Promise<WitnessReport> {
  const { store, checkpoint, trust } = request;
  const witnesses = [...trust.witnesses].flatMap(([name, key]): Witness[] => {
    const url = trust.witnessUrls.get(name);
    return url === undefined ? [] : [{ name, key, url }];
  });
  if (witnesses.length === 0) {
    throw new FleetsecError("usage", "the policy names no witness with a URL", {
      hint: "write it as `witness NAME VKEY URL`",
    });
  }
  const roots = await rootsIn(store, checkpoint);
  const before = await readCosigned(store, trust);
  const now = Math.floor(parts.clock.now() / 1000);
  const outcomes = await Promise.all(
    witnesses.map(async (witness) => {
      const oldSize =
        before?.cosigned.has(witness.name) === true ? Math.min(before.size, checkpoint.size) : 0;
      const submission = { checkpoint, roots, oldSize, now };
      return { name: witness.name, ...(await addCheckpoint(witness, submission, parts.send, parts.signal)) };
    }),
  );
  const cosigned = await keepCosignatures(request, parts, before, outcomes);
  return {
    witnesses: outcomes.map(({ name, outcome, ...rest }) => ({
      name,
      outcome,
      ...("detail" in rest ? { detail: rest.detail } : {}),
    })),
    quorum: trust.quorum === undefined ? cosigned.size > 0 : quorumMet(trust.quorum, cosigned),
  };
}

/** Roots over the leaves from the store's tiles, which must make the checkpoint's. */
async function rootsIn(store: LogStore, { size, root }: SignedCheckpoint): Promise<AskRoots> {
  const readTile = async (tile: Tile): Promise<Uint8Array> => {
    const bytes = await store.read(tilePath(tile), TILE_WIDTH * HASH_SIZE);
    if (bytes === undefined) {
      throw new FleetsecError("not-found", `${store.name}/${tilePath(tile)} does not exist`, {
        hint: "run fleetsec verify-logs on the store",
      });
    }
    if (bytes.length === tile.width * HASH_SIZE) return bytes;
    throw new FleetsecError("state", `${tilePath(tile)} is not ${tile.width} hashes long`, {
      hint: "run fleetsec verify-logs on the store",
    });
  };
  const roots: AskRoots = (ask) => withRangeRoots(size, readTile, ask);
  if (Buffer.compare(await roots((rootOf) => rootOf(0, size)), root) === 0) return roots;
  throw new FleetsecError("state", "the tiles of the store do not make the root of its checkpoint", {
    hint: "run fleetsec verify-logs on the store",
  });
}

/** The checkpoint that was cosigned last; undefined where there is none to believe. */
async function readCosigned(store: LogStore, trust: Trust): Promise<SignedCheckpoint | undefined> {
  const note = await store.read(COSIGNED, MAX_NOTE_SIZE);
  if (note === undefined) return undefined;
  const opened = openCheckpoint(note, trust);
  return "code" in opened ? undefined : opened;
}

/** @returns the witnesses whose cosignature the checkpoint now has */
async function keepCosignatures(
  { store, lock, checkpoint, trust }: WitnessRequest,
  { locks }: WitnessParts,
  before: SignedCheckpoint | undefined,
  outcomes: readonly ({ readonly name: string } & Witnessed)[],
): Promise<ReadonlySet<string>> {
  const { text, signatures } = parseNote(Buffer.from(checkpoint.note));
  const earlier =
    before !== undefined && parseNote(Buffer.from(before.note)).text === text
      ? parseNote(Buffer.from(before.note)).signatures
      : [];
  const fresh = outcomes.flatMap((one) => (one.outcome === "cosigned" ? [one.signature] : []));
  // of a key that signed again, the newest signature
  const all = new Map(
    [...signatures, ...earlier, ...fresh].map((one) => [`${one.name} ${one.keyId}`, one] as const),
  );
  const note = formatNote({ text, signatures: [...all.values()] });
  const opened = openCheckpoint(Buffer.from(note), trust);
  if ("code" in opened)
    throw new FleetsecError("state", `the cosigned checkpoint is not valid: ${opened.detail}`);
  if (fresh.length === 0) return new Set(opened.cosigned.keys());
  await store.replace(COSIGNED, note);
  await publishUnderLock(async () => {
    const current = await store.read(CHECKPOINT, MAX_NOTE_SIZE);
    if (current?.toString("utf8") === checkpoint.note) await store.replace(CHECKPOINT, note);
  });
  return new Set(opened.cosigned.keys());

  async function publishUnderLock(work: () => Promise<void>): Promise<void> {
    try {
      await locks.hold(lock, work, { timeout: LOCK_TIMEOUT });
    } catch (error) {
      if (!(error instanceof FleetsecError) || error.code !== "busy") throw error;
    }
  }
}
