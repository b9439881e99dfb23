import { parseDecimal } from "../decimal.ts";
import { formatHashes, malformedProof, parseHashes } from "./hash-lines.ts";

/**
 * What leads from a record to the log's entry for its batch: the extra data of our proofs.
 *
 *     fleetsec.dev/record@v1
 *     index 16
 *     <base64 hashes, a line each>
 *
 *     <the entry, which ends with a blank line of its own here>
 *
 *     <the record, to the end>
 */
export interface RecordOpening {
  /** The record's index in its batch, from 0. */
  readonly index: number;
  /** Its inclusion proof in the tree over the batch's records. */
  readonly path: readonly Uint8Array[];
  /** The log's entry: the leaf of the batch. */
  readonly leaf: Uint8Array;
  /** The record's bytes, without its newline. */
  readonly record: Uint8Array;
}

const HEADER = "fleetsec.dev/record@v1";

export function formatOpening({ index, path, leaf, record }: RecordOpening): Buffer {
  const head = Buffer.from(`${HEADER}\nindex ${index}\n${formatHashes(path)}\n`);
  return Buffer.concat([head, leaf, Buffer.from("\n"), record]);
}

/** @throws FleetsecError `input` on anything else; neither leaf nor record is looked at */
export function parseOpening(bytes: Buffer): RecordOpening {
  const head = bytes.indexOf("\n\n");
  // a leaf ends with a newline
  const end = head < 0 ? -1 : bytes.indexOf("\n\n", head + 2);
  if (end < 0) throw malformedProof("its extra data is not a fleetsec.dev/record@v1");
  const [header, second = "", ...lines] = bytes.toString("latin1", 0, head).split("\n");
  const [, decimal = ""] = /^index (\d+)$/.exec(second) ?? [];
  const index = parseDecimal(decimal);
  if (header !== HEADER || index === undefined) {
    throw malformedProof("its extra data is not a fleetsec.dev/record@v1");
  }
  return {
    index,
    path: parseHashes(lines),
    leaf: bytes.subarray(head + 2, end + 1),
    record: bytes.subarray(end + 2),
  };
}
