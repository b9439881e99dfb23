import { FleetsecError } from "../../errors.ts";
import type { Platform } from "../../platform/platform.ts";
import { parseCheckpoint } from "../checkpoint.ts";
import { CHECKPOINT } from "../layout.ts";
import { hashRecords } from "../records.ts";
import { MAX_NOTE_SIZE, parseNote } from "../note.ts";
import { formatRotation, leadsTo, type Rotation, verifierKeysIn } from "../rotation.ts";
import type { LogSigner } from "../signer.ts";
import type { LogStore } from "../store.ts";
import { formatVerifierKey, signatureBy, verifySignature } from "../verifier-key.ts";
import { keyName } from "../verify/signed-checkpoint.ts";
import { holdLog, type RemoteStore } from "./hold.ts";
import { type KeyRange, rangeUntil } from "./key-range.ts";
import { publishBatch, type SignedLog } from "./publish.ts";
import { resume } from "./resume.ts";
import { noteRetired, requireUnretired, retiredBy } from "./retired-keys.ts";
import { rotationAt } from "./rotation-at.ts";
import type { LogTail } from "./tail.ts";

export interface RotateKeyRequest {
  /** The log's directory, absolute; where it is kept elsewhere, that. */
  readonly store: string | RemoteStore;
  /** Every key that signs until now, and every key that signs from now on; of one origin. */
  readonly previous: SignedLog["signers"];
  readonly next: SignedLog["signers"];
}

export interface RotateKeyResult {
  readonly origin: string;
  /** Of the checkpoint that the keys of both sides sign. */
  readonly size: number;
  readonly previous: readonly string[];
  readonly next: readonly string[];
  /** Of the keys that sign no more, and of those that begin to. */
  readonly ranges: readonly KeyRange[];
  /** Whether an earlier run had done it already. */
  readonly already: boolean;
}

/**
 * Changes a log's keys: adds a batch that names the keys before and after, under a checkpoint that
 * both sign. A run that was interrupted is completed by the next one.
 * @throws FleetsecError `refused` where the log is not signed with the keys before, is empty, or had one of
 *   the keys retired before; `state` where the keys are changed, and since when they signed is not known
 */
export async function rotateKey(
  { store, previous, next }: RotateKeyRequest,
  parts: Pick<Platform, "files" | "locks" | "clock">,
): Promise<RotateKeyResult> {
  const added = next.filter(({ key }) => !previous.some((other) => other.key.keyId === key.keyId));
  const retired = previous.filter(({ key }) => !next.some((other) => other.key.keyId === key.keyId));
  return holdLog(store, parts, [...previous, ...added], async (log) => {
    const { tail, inputs } = await resume(log, false, parts.clock.now());
    const { origin, size: before } = tail.checkpoint;
    if (before === 0) {
      throw new FleetsecError("refused", "this log has no checkpoint yet: there is no key to change from", {
        hint: "sign with the new key from the beginning",
      });
    }
    const keys = { previous: keysOf(previous), next: keysOf(next) };
    const already = await isDone(log.store, tail, next);
    const size = already ? before : before + 1;
    if (!already) {
      await requireUnretired(log);
    }
    // also where it is done: the list can have been lost since
    await noteRetired(log, keysOf(retired), size);
    if (!already) {
      const now = parts.clock.now();
      const record = formatRotation({ origin, size, ...keys }, now);
      const time = Math.max(tail.closed, Math.floor(now / 1000));
      await publishBatch(log, tail, { ...hashRecords(record), data: record, from: time, to: time }, inputs);
    }
    const ranges: KeyRange[] = keysOf(added).map((key) => ({ key, first: size }));
    for (const { key } of retired.toReversed()) ranges.unshift(await rangeUntil(log.store, key, size));
    return { origin, size, ...keys, ranges, already };
  });
}

function keysOf(signers: readonly LogSigner[]): string[] {
  return signers.map(({ key }) => formatVerifierKey(key));
}

/** Whether the newest batch leads to these keys, and they signed its checkpoint. */
async function isDone(store: LogStore, tail: LogTail, next: SignedLog["signers"]): Promise<boolean> {
  const rotation = await newestRotation(store, tail);
  const note = parseNote((await store.read(CHECKPOINT, MAX_NOTE_SIZE)) ?? Buffer.of());
  return (
    rotation?.next.length === next.length &&
    next.every(({ key }) => leadsTo(rotation, key) && signatureBy(key, note) !== undefined)
  );
}

/**
 * A key that was replaced by the newest batch signs no more. Whoever can write a log's lines can write
 * such a record too: it counts where a key that we do not have has signed the checkpoint over it.
 * @throws FleetsecError `refused`
 */
export async function requireInUse({ store, signers }: SignedLog, tail: LogTail): Promise<void> {
  const rotation = await newestRotation(store, tail);
  if (rotation === undefined) return;
  const replaced = signers.find(({ key }) => !leadsTo(rotation, key));
  const note = parseNote((await store.read(CHECKPOINT, MAX_NOTE_SIZE)) ?? Buffer.of());
  const others = verifierKeysIn(rotation.next).filter(
    (key) => !signers.some((own) => own.key.keyId === key.keyId),
  );
  const isSigned = others.some((key) => {
    const signature = signatureBy(key, note)?.signature;
    return signature !== undefined && verifySignature(key, note.text, signature);
  });
  if (replaced === undefined || !isSigned) return;
  throw new FleetsecError(
    "refused",
    `this log's key was changed: ${formatVerifierKey(replaced.key)} signs no more`,
    { hint: "sign with the new key" },
  );
}

/**
 * No key is left out that signed the newest checkpoint: an auditor who counts on it would not see that
 * it signs no more. A key that the newest batch retires has done so for the last time, where we retired it: a line
 * of the log that says so is not enough. What the public keys are we do not know: they have the log's name, which
 * no witness has.
 * @throws FleetsecError `refused`
 */
export async function requireEveryKey(log: SignedLog): Promise<void> {
  const { store, signers } = log;
  const bytes = await store.read(CHECKPOINT, MAX_NOTE_SIZE);
  if (bytes === undefined) return;
  const note = parseNote(bytes);
  const checkpoint = parseCheckpoint(note.text);
  const retired = await retiredBy(log, checkpoint);
  const isOwn = (keyId: number) => signers.some(({ key }) => key.keyId === keyId);
  const isInUse = (keyId: number) => !retired.includes(keyId);
  const own = note.signatures.filter(({ keyId }) => isOwn(keyId) && isInUse(keyId));
  // a key that does not sign this log, or no more, is told so elsewhere
  if (own.length === 0) return;
  const left = note.signatures.filter(
    ({ name, keyId }) => name === checkpoint.origin && !isOwn(keyId) && isInUse(keyId),
  );
  if (left.length === 0) return;
  throw new FleetsecError(
    "refused",
    `the newest checkpoint of this log is signed with ${left.map(keyName).join(", ")} too`,
    { hint: "name every key with --key, or retire one with logs rotate-key" },
  );
}

async function newestRotation(
  store: LogStore,
  { checkpoint: { origin, size } }: Pick<LogTail, "checkpoint">,
): Promise<Rotation | undefined> {
  return size === 0 ? undefined : rotationAt(store, origin, size);
}
