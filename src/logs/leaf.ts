import { FleetsecError } from "../errors.ts";
import { parseBase64 } from "./base64.ts";
import { parseDecimal } from "./decimal.ts";
import { HASH_SIZE } from "./merkle.ts";

/** What one leaf of the log says about its batch. */
export interface BatchLeaf {
  /** The leaf's index. */
  readonly seq: number;
  /** When the signer opened and closed the batch, by its clock, in seconds since the epoch. */
  readonly from: number;
  readonly to: number;
  readonly records: number;
  /** Length of the batch file. */
  readonly bytes: number;
  /** SHA-256 of the batch file, in hex. */
  readonly sha256: string;
  /** RFC 6962 root over the records: the lines of the batch file without their newlines. */
  readonly root: Uint8Array;
  /** SHA-256 of the leaf before, in hex; undefined in leaf 0. */
  readonly prev: string | undefined;
}

/** What every leaf of ours begins with. */
export const LEAF_HEADER = "fleetsec.dev/batch@v1";

/** The leaf's bytes. */
export function formatLeaf(leaf: BatchLeaf): Buffer {
  const { seq, from, to, records, bytes, sha256, root, prev } = leaf;
  const base64 = Buffer.from(root).toString("base64");
  return Buffer.from(
    `${LEAF_HEADER}\nseq ${seq}\ntime ${from} ${to}\nrecords ${records}\nbytes ${bytes}\n` +
      `sha256 ${sha256}\nroot ${base64}\nprev ${prev ?? "-"}\n`,
    "latin1",
  );
}

const FORM = new RegExp(
  `^${LEAF_HEADER.replaceAll(".", "\\.")}\nseq (\\d+)\ntime (\\d+) (\\d+)\nrecords (\\d+)\nbytes (\\d+)\n` +
    "sha256 ([0-9a-f]{64})\nroot ([A-Za-z0-9+/=]{44})\nprev (-|[0-9a-f]{64})\n$",
);

/**
 * @throws FleetsecError `input` on anything that `formatLeaf` does not write, and on what cannot be:
 *   a batch that ends before it begins, records without bytes
 */
export function parseLeaf(bytes: Uint8Array): BatchLeaf {
  const match = bytes.length > 512 ? null : FORM.exec(Buffer.from(bytes).toString("latin1"));
  if (match === null) throw malformed("it does not have the form of a fleetsec.dev/batch@v1 leaf");
  const [seq, from, to, records, length] = match.slice(1, 6).map(parseDecimal);
  const [sha256 = "", base64 = "", prev = ""] = match.slice(6);
  const root = parseBase64(base64);
  if (
    seq === undefined ||
    from === undefined ||
    to === undefined ||
    records === undefined ||
    length === undefined
  ) {
    throw malformed("a number has leading zeros or is beyond 2^53");
  }
  if (root?.length !== HASH_SIZE) throw malformed("its root is not 32 bytes in base64");
  if (from > to) throw malformed("its time ends before it begins");
  // every record has a newline or, at the end of an input, at least one byte
  if (records > length || (records === 0 && length > 0)) throw malformed("records and bytes do not fit");
  if ((prev === "-") !== (seq === 0)) throw malformed("only leaf 0 has no leaf before it");
  return {
    seq,
    from,
    to,
    records,
    bytes: length,
    sha256,
    root,
    prev: prev === "-" ? undefined : prev,
  };
}

function malformed(detail: string): FleetsecError {
  return new FleetsecError("input", `malformed leaf: ${detail}`);
}
