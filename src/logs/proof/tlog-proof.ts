import { parseBase64 } from "../base64.ts";
import { parseDecimal } from "../decimal.ts";
import { formatHashes, malformedProof, parseHashes } from "./hash-lines.ts";

/** A proof that an entry is in a log (C2SP tlog-proof), to be verified without the log. */
export interface TlogProof {
  /** What the application adds; nothing signs it. */
  readonly extra: Uint8Array | undefined;
  /** The entry's index. */
  readonly index: number;
  /** The inclusion proof, from the lowest level up. */
  readonly path: readonly Uint8Array[];
  /** The signed checkpoint: what a note's bytes are. */
  readonly checkpoint: Uint8Array;
}

export const TLOG_PROOF = "c2sp.org/tlog-proof@v1";

export function formatTlogProof({ extra, index, path, checkpoint }: TlogProof): Buffer {
  const added = extra === undefined ? "" : `extra ${Buffer.from(extra).toString("base64")}\n`;
  return Buffer.concat([
    Buffer.from(`${TLOG_PROOF}\n${added}index ${index}\n${formatHashes(path)}\n`),
    checkpoint,
  ]);
}

/** @throws FleetsecError `input` on anything that is not exactly such a proof; the checkpoint is not looked at */
export function parseTlogProof(bytes: Buffer): TlogProof {
  const end = bytes.indexOf("\n\n");
  if (end < 0) throw malformedProof("no blank line sets the checkpoint off");
  const [header, ...lines] = bytes.toString("latin1", 0, end).split("\n");
  if (header !== TLOG_PROOF) throw malformedProof(`it does not begin with ${TLOG_PROOF}`);
  const text = lines[0]?.startsWith("extra ") === true ? lines.shift()?.slice("extra ".length) : undefined;
  const extra = text === undefined ? undefined : parseBase64(text);
  if (text !== undefined && extra === undefined) throw malformedProof("its extra data is not base64");
  const [, decimal = ""] = /^index (\d+)$/.exec(lines.shift() ?? "") ?? [];
  const index = parseDecimal(decimal);
  if (index === undefined) throw malformedProof("it has no index line");
  return { extra, index, path: parseHashes(lines), checkpoint: bytes.subarray(end + 2) };
}
