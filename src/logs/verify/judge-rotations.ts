import { batchPath, checkpointPath } from "../layout.ts";
import { sha256 } from "../merkle.ts";
import { leadsTo, MAX_ROTATION_BYTES, parseRotation } from "../rotation.ts";
import type { VerifierKey } from "../verifier-key.ts";
import { storedLeaf } from "./bundle.ts";
import type { Findings } from "./finding.ts";
import type { History } from "./history.ts";
import type { Inventory } from "./inventory.ts";
import type { StoreReader } from "./store.ts";
import type { Trust } from "./trust.ts";

export interface RotationSource {
  readonly reader: StoreReader;
  readonly history: History;
  readonly trust: Trust;
  readonly inventory: Inventory;
  /** The tree that the store is held to. */
  readonly size: number;
  /** Whether every batch is compared with its leaf. */
  readonly isCompared: boolean;
  readonly findings: Findings;
}

/** From that size on, a key signs in place of another. */
interface Handover {
  readonly size: number;
  readonly key: VerifierKey;
}

type Signers = ReadonlyMap<number, readonly VerifierKey[]>;

/**
 * Every change of the log's keys, by the trust file and by the checkpoints, must be one that the key
 * before agreed to: both sign one checkpoint, over a leaf that says so. Where that checkpoint or batch is
 * not there, or not to be believed, that is told elsewhere, and of the change nothing can be said.
 */
export async function judgeRotations(source: RotationSource): Promise<void> {
  const signers: Signers = new Map(source.history.stored.map(({ size, keys }) => [size, keys]));
  const handovers = [...trustedHandovers(source), ...seenHandovers(signers)];
  const judged = new Set<string>();
  for (const handover of handovers) {
    const name = `${handover.size} ${handover.key.keyId}`;
    if (judged.has(name)) continue;
    judged.add(name);
    const fault = await handoverFault(source, signers, handover);
    if (fault === undefined) continue;
    source.findings.add({
      code: "KEY_ROTATION_INVALID",
      seq: handover.size - 1,
      path: checkpointPath(handover.size),
      detail: `the change to key ${idOf(handover.key)} at size ${handover.size} is not valid: ${fault}`,
    });
  }
}

/** Keys whose range begins later than the log. */
function trustedHandovers({ history, trust, size }: RotationSource): Handover[] {
  return trust.logs.flatMap((key) => {
    const first = key.sizes?.first ?? 1;
    return key.name === history.origin && first > 1 && first <= size ? [{ size: first, key }] : [];
  });
}

/** Where the keys that sign are others than before: at once, or after one checkpoint of both. */
function seenHandovers(signers: Signers): Handover[] {
  const handovers: Handover[] = [];
  for (const [size, keys] of signers) {
    const before = signers.get(size - 1);
    if (before === undefined) continue;
    const fresh = keys.filter((key) => !includes(before, key));
    const after = signers.get(size + 1);
    const replaced = after !== undefined && !after.some((key) => includes(before, key));
    if (fresh.length === keys.length || replaced) handovers.push(...fresh.map((key) => ({ size, key })));
  }
  return handovers;
}

async function handoverFault(
  source: RotationSource,
  signers: Signers,
  { size, key }: Handover,
): Promise<string | undefined> {
  const signed = signers.get(size);
  if (signed === undefined) return undefined;
  if (!includes(signed, key)) return "that key did not sign it";
  const before = signers.get(size - 1);
  const agreed = signed.some(
    (other) => other.keyId !== key.keyId && (before === undefined || includes(before, other)),
  );
  if (!agreed) return "no key that signed before it signed it too";
  const batch = await source.reader.read(batchPath(size - 1), MAX_ROTATION_BYTES);
  if (batch === undefined) return undefined;
  const fault = rotationFault(batch, { size, key });
  return fault === undefined ? undefined : signedFault(source, batch, fault, { size, key });
}

/** What there is to say of the batch as it was signed: how it was altered since is told where it is compared. */
async function signedFault(
  { reader, inventory, size, isCompared }: RotationSource,
  batch: Buffer,
  fault: string,
  handover: Handover,
): Promise<string | undefined> {
  const leaf = await storedLeaf(reader, inventory, size, handover.size - 1);
  if (leaf === undefined || leaf.bytes > MAX_ROTATION_BYTES) return fault;
  const signed = batch.subarray(0, leaf.bytes);
  if (sha256(signed).toString("hex") === leaf.sha256) return rotationFault(signed, handover);
  return isCompared ? undefined : fault;
}

function rotationFault(batch: Buffer, { size, key }: Handover): string | undefined {
  const rotation = parseRotation(batch);
  if (rotation === undefined || rotation.origin !== key.name || rotation.size !== size) {
    return `leaf ${size - 1} is no rotation of keys`;
  }
  return leadsTo(rotation, key) ? undefined : `leaf ${size - 1} leads to another key`;
}

function includes(keys: readonly VerifierKey[], { keyId, name }: VerifierKey): boolean {
  return keys.some((key) => key.keyId === keyId && key.name === name);
}

function idOf({ keyId }: VerifierKey): string {
  return keyId.toString(16).padStart(8, "0");
}
