import { dirname, join } from "node:path";
import { FleetsecError } from "../../errors.ts";
import type { Checkpoint } from "../checkpoint.ts";
import { leadsTo, verifierKeysIn } from "../rotation.ts";
import type { LogStore } from "../store.ts";
import { formatVerifierKey, type VerifierKey } from "../verifier-key.ts";
import type { SignedLog } from "./publish.ts";
import { rotationAt } from "./rotation-at.ts";

/**
 * Keys that a change of keys took out of use. The log's lines do not tell: whoever can write one of them can
 * write what looks like a change. So the signer keeps a list, which counts where the log has that change.
 */
interface RetiredKey {
  /** A verifier key as text. */
  readonly key: string;
  /** Of the last checkpoint that it signs. */
  readonly size: number;
}

const SCHEMA = "fleetsec.retired-keys/v1";
const MAX_SIZE = 16 << 20;

/** Adds to the list what it has not: durable before the change of keys is written. */
export async function noteRetired(
  log: Pick<SignedLog, "files" | "write" | "statePath">,
  keys: readonly string[],
  size: number,
): Promise<void> {
  const known = readRetired(log);
  const fresh = keys.filter((key) => !known.some((one) => one.key === key && one.size === size));
  if (fresh.length === 0) return;
  const retired = [...known, ...fresh.map((key) => ({ key, size }))];
  await log.write(pathOf(log), `${JSON.stringify({ schema: SCHEMA, retired }, null, 1)}\n`, { mode: 0o600 });
}

/**
 * @throws FleetsecError `refused` where one of the log's signers is on the list: no auditor's trust file can
 *   name two ranges of a key, and nothing can be removed from the log; `state` where the list is damaged
 */
export async function requireUnretired(log: SignedLog): Promise<void> {
  for (const { key, size } of readRetired(log)) {
    const signer = log.signers.find((own) => formatVerifierKey(own.key) === key);
    if (signer === undefined || !(await isRetiredAt(log.store, signer.key, size))) continue;
    throw new FleetsecError("refused", `${key} was retired at size ${size}: it signs no more`, {
      hint: "leave it out, or make a new one with fleetsec logs keygen",
    });
  }
}

/** Ids of the keys that sign a checkpoint for the last time. */
export async function retiredBy(log: SignedLog, { origin, size }: Checkpoint): Promise<readonly number[]> {
  const ids: number[] = [];
  for (const key of verifierKeysIn(
    readRetired(log)
      .filter((one) => one.size === size)
      .map((one) => one.key),
  )) {
    if (key.name === origin && (await isRetiredAt(log.store, key, size))) ids.push(key.keyId);
  }
  return ids;
}

/** A change that was interrupted before it was written did not take place. */
async function isRetiredAt(store: LogStore, key: VerifierKey, size: number): Promise<boolean> {
  const rotation = await rotationAt(store, key.name, size);
  return rotation !== undefined && !leadsTo(rotation, key);
}

function readRetired({ files, statePath }: Pick<SignedLog, "files" | "statePath">): RetiredKey[] {
  const path = pathOf({ statePath });
  if (files.kind(path) === undefined) return [];
  try {
    const { schema, retired } = JSON.parse(files.readText(path, MAX_SIZE)) as Record<string, unknown>;
    if (schema === SCHEMA && Array.isArray(retired) && retired.every(isRetired)) return retired;
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
  }
  throw new FleetsecError("state", `${path} is damaged`, { hint: "restore it from a backup" });
}

function pathOf({ statePath }: Pick<SignedLog, "statePath">): string {
  return join(dirname(statePath), "retired-keys.json");
}

function isRetired(value: unknown): value is RetiredKey {
  const { key, size } = Object(value) as Record<keyof RetiredKey, unknown>;
  return typeof key === "string" && Number.isSafeInteger(size) && Number(size) > 0;
}
