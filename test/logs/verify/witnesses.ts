import { createPublicKey, sign } from "node:crypto";
import { formatNote, parseNote } from "../../../src/logs/note.ts";
import {
  cosignedMessage,
  formatVerifierKey,
  type VerifierKey,
  verifierKey,
} from "../../../src/logs/verifier-key.ts";
import { modelKey, type StoreFiles } from "../store-model.ts";
import { bytesAt, withFile } from "./tamper.ts";

/** A witness that is the same in every run. */
export function witness(name: string): VerifierKey {
  return verifierKey(`witness.example/${name}`, "cosignature/v1", createPublicKey(modelKey(name)));
}

/** Its line in a policy. */
export function witnessLine(name: string): string {
  return `witness ${name} ${formatVerifierKey(witness(name))}`;
}

/** Witnesses cosign the newest checkpoint, at times in seconds since the epoch. */
export function cosignedBy(
  store: StoreFiles,
  ...witnesses: readonly (readonly [name: string, time: number])[]
): StoreFiles {
  const note = parseNote(bytesAt(store, "checkpoint"));
  const signatures = witnesses.map(([name, time]) => {
    const stamp = Buffer.alloc(8);
    stamp.writeBigUInt64BE(BigInt(time));
    const signature = Buffer.concat([stamp, sign(null, cosignedMessage(note.text, time), modelKey(name))]);
    return { ...witness(name), signature };
  });
  return withFile(
    store,
    "checkpoint",
    formatNote({ ...note, signatures: [...note.signatures, ...signatures] }),
  );
}
