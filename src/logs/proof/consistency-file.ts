import { parseDecimal } from "../decimal.ts";
import { formatHashes, malformedProof, parseHashes } from "./hash-lines.ts";

/**
 * A proof that a checkpoint's tree extends an older one, in the form in which C2SP tlog-witness
 * sends it to a witness: `old SIZE`, the hashes, a blank line, the newer checkpoint.
 */
export interface ConsistencyFile {
  /** Leaves in the older tree. */
  readonly old: number;
  readonly proof: readonly Uint8Array[];
  /** The newer signed checkpoint. */
  readonly checkpoint: Uint8Array;
}

/** What such a file begins with. */
export const CONSISTENCY = "old ";

export function formatConsistency({ old, proof, checkpoint }: ConsistencyFile): Buffer {
  return Buffer.concat([Buffer.from(`${CONSISTENCY}${old}\n${formatHashes(proof)}\n`), checkpoint]);
}

/** @throws FleetsecError `input` on anything that is not exactly that; the checkpoint is not looked at */
export function parseConsistency(bytes: Buffer): ConsistencyFile {
  const end = bytes.indexOf("\n\n");
  if (end < 0) throw malformedProof("no blank line sets the checkpoint off");
  const [first = "", ...lines] = bytes.toString("latin1", 0, end).split("\n");
  const [, decimal = ""] = /^old (\d+)$/.exec(first) ?? [];
  const old = parseDecimal(decimal);
  if (old === undefined) throw malformedProof("it does not begin with `old SIZE`");
  return { old, proof: parseHashes(lines), checkpoint: bytes.subarray(end + 2) };
}
