import { batchPath, hashesPath } from "../layout.ts";
import type { BatchLeaf } from "../leaf.ts";
import { HASH_SIZE, rootOf } from "../merkle.ts";
import type { BatchDigest } from "./digest-batch.ts";
import type { Findings } from "./finding.ts";
import { locateRecords, MAX_LOCATED } from "./locate-records.ts";
import type { Pace } from "./pace.ts";
import { hashOfFile } from "./read-records.ts";
import type { StoredFile, StoreReader } from "./store.ts";
import { judgeTail } from "./batch-tail.ts";

export interface BatchSource {
  readonly reader: StoreReader;
  readonly findings: Findings;
  readonly pace: Pace;
  /** The batches that have that many bytes, as signed: leaf by SHA-256 (hex). */
  readonly batchesOf: (bytes: number) => Promise<ReadonlyMap<string, number>>;
}

/** What of a batch was found to be as it was signed. */
export interface BatchVerdict {
  /** The batch file begins with the signed bytes. */
  readonly intact: boolean;
}

/**
 * Compares a batch with its leaf, and where it differs finds out in which records.
 * @param digest what `digestBatch` made of the batch; undefined where it could not be read
 */
export async function judgeBatch(
  source: BatchSource,
  leaf: BatchLeaf,
  digest: BatchDigest | undefined,
): Promise<BatchVerdict> {
  if (digest === undefined) return { intact: false };
  const altered = digest.sha256 !== leaf.sha256;
  if (altered || digest.size > leaf.bytes) {
    await source.reader.withFile(batchPath(leaf.seq), (file) =>
      altered ? judgeAltered(source, leaf, file, digest.sha256) : judgeTail(source, leaf, file),
    );
  }
  if (altered) return { intact: false };
  if (digest.records !== undefined) judgeRecords(source, leaf, digest.records);
  judgeSidecar(source, leaf, digest.sidecar);
  return { intact: true };
}

/** The signed tree over the records, from the records themselves. */
function judgeRecords(
  { findings }: BatchSource,
  { seq, records, root }: BatchLeaf,
  found: NonNullable<BatchDigest["records"]>,
): void {
  const expected = Buffer.from(root).toString("hex");
  if (found.count === records && found.root === expected) return;
  findings.add({
    code: "LEAF_MALFORMED",
    seq,
    detail: "the signed leaf does not fit the signed records: their number or the root over them is wrong",
    expected,
    found: found.root,
  });
}

function judgeSidecar(
  { findings }: BatchSource,
  { seq, records }: BatchLeaf,
  sidecar: BatchDigest["sidecar"],
): void {
  const path = hashesPath(seq);
  const length = records * HASH_SIZE;
  if (sidecar?.offset !== undefined) {
    const record = Math.floor(sidecar.offset / HASH_SIZE);
    findings.add({
      code: "SIDECAR_ALTERED",
      seq,
      ...(record < records ? { line: record + 1 } : {}),
      path,
      offset: sidecar.offset,
      detail: "the sidecar is altered; the records themselves are intact",
    });
  } else if (sidecar !== undefined && sidecar.size !== length) {
    findings.add({
      code: "SIDECAR_ALTERED",
      seq,
      path,
      offset: Math.min(sidecar.size, length),
      detail: `the sidecar has ${sidecar.size} bytes, not ${length}; the records themselves are intact`,
    });
  }
}

async function judgeAltered(
  source: BatchSource,
  leaf: BatchLeaf,
  file: StoredFile,
  sha256: string,
): Promise<void> {
  const { findings, reader } = source;
  const { seq } = leaf;
  const path = batchPath(seq);
  const other = await batchIn(source, file);
  const sidecar = await reader.read(hashesPath(seq), leaf.records * HASH_SIZE);
  const usable = sidecar?.length === leaf.records * HASH_SIZE && rootOf(sidecar).equals(leaf.root);
  if (sidecar !== undefined && !usable) {
    findings.add({
      code: "SIDECAR_ALTERED",
      seq,
      path: hashesPath(seq),
      detail: "the sidecar does not have the signed root, so it cannot tell which records were altered",
    });
  }
  if (other !== undefined) {
    findings.add({
      code: "BATCH_SWAPPED",
      seq,
      path,
      from: other,
      to: seq,
      detail: `it holds batch ${other}`,
      expected: leaf.sha256,
      found: sha256,
    });
    return;
  }
  const located = usable && (await locateRecords(source, leaf, file, sidecar));
  if (located) return;
  findings.add({
    code: "BATCH_ALTERED",
    seq,
    path,
    detail:
      leaf.records > MAX_LOCATED
        ? `the batch is altered; it has too many records to say which`
        : "the batch is altered; its records' hashes are not intact, so the line is not known",
    expected: leaf.sha256,
    found: sha256,
  });
}

/** The leaf whose batch the file holds, where it holds one. */
async function batchIn({ batchesOf, pace }: BatchSource, file: StoredFile): Promise<number | undefined> {
  const batches = await batchesOf(file.size);
  if (batches.size === 0) return undefined;
  return batches.get((await hashOfFile(file, file.size, pace)).sha256);
}
