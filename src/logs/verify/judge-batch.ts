import type { OpenFile } from "../../platform/files.ts";
import { batchPath, hashesPath } from "../layout.ts";
import type { BatchLeaf } from "../leaf.ts";
import { HASH_SIZE, rootOf } from "../merkle.ts";
import { firstDifference } from "./bundle-findings.ts";
import type { Findings } from "./finding.ts";
import { locateRecords, MAX_LOCATED } from "./locate-records.ts";
import type { Pace } from "./pace.ts";
import { hashOfFile, readRecords } from "./read-records.ts";
import type { StoreReader } from "./store.ts";
import { judgeTail } from "./batch-tail.ts";

export interface BatchSource {
  readonly reader: StoreReader;
  readonly findings: Findings;
  readonly pace: Pace;
  /** Whether the records' trees and the sidecars are recomputed too. */
  readonly deep: boolean;
  /** The batches that have that many bytes, as signed: leaf by SHA-256 (hex). */
  readonly batchesOf: (bytes: number) => Promise<ReadonlyMap<string, number>>;
}

/** What of a batch was found to be as it was signed. */
export interface BatchVerdict {
  /** The batch file begins with the signed bytes. */
  readonly intact: boolean;
}

/** Compares a batch with its leaf, and where it differs finds out in which records. */
export async function judgeBatch(source: BatchSource, leaf: BatchLeaf): Promise<BatchVerdict> {
  const path = batchPath(leaf.seq);
  const verdict = await source.reader.withFile(path, async (file) => {
    const { sha256 } = await hashOfFile(file, leaf.bytes, source.pace);
    if (sha256 !== leaf.sha256) {
      await judgeAltered(source, leaf, file, sha256);
      return { intact: false };
    }
    if (file.size > leaf.bytes) await judgeTail(source, leaf, file);
    if (source.deep) await judgeDeeply(source, leaf, file);
    else judgeSidecarSize(source, leaf);
    return { intact: true };
  });
  return verdict ?? { intact: false };
}

/** The signed tree over the records, and the sidecar, from the records themselves. */
async function judgeDeeply(source: BatchSource, leaf: BatchLeaf, file: OpenFile): Promise<void> {
  const { findings, pace, reader } = source;
  const { seq } = leaf;
  const records = await readRecords(file, leaf.bytes, leaf.records + 1, pace);
  const root = rootOf(records.hashes);
  if (records.offsets.length !== leaf.records || !root.equals(leaf.root)) {
    findings.add({
      code: "LEAF_MALFORMED",
      seq,
      detail: "the signed leaf does not fit the signed records: their number or the root over them is wrong",
      expected: Buffer.from(leaf.root).toString("hex"),
      found: root.toString("hex"),
    });
  }
  const path = hashesPath(seq);
  const sidecar = reader.read(path, records.hashes.length);
  if (sidecar === undefined) return;
  const offset = firstDifference(sidecar, records.hashes);
  if (offset === undefined) return;
  const record = Math.floor(offset / HASH_SIZE);
  findings.add({
    code: "SIDECAR_ALTERED",
    seq,
    ...(record < leaf.records ? { line: record + 1 } : {}),
    path,
    offset,
    detail: "the sidecar is altered; the records themselves are intact",
  });
}

function judgeSidecarSize({ reader, findings }: BatchSource, leaf: BatchLeaf): void {
  const path = hashesPath(leaf.seq);
  const expected = leaf.records * HASH_SIZE;
  const size = reader.size(path);
  if (size === undefined || size === expected) return;
  findings.add({
    code: "SIDECAR_ALTERED",
    seq: leaf.seq,
    path,
    offset: Math.min(size, expected),
    detail: `the sidecar has ${size} bytes, not ${expected}; the records themselves are intact`,
  });
}

async function judgeAltered(
  source: BatchSource,
  leaf: BatchLeaf,
  file: OpenFile,
  sha256: string,
): Promise<void> {
  const { findings, reader } = source;
  const { seq } = leaf;
  const path = batchPath(seq);
  const other = await batchIn(source, file);
  const sidecar = reader.read(hashesPath(seq), leaf.records * HASH_SIZE);
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
async function batchIn({ batchesOf, pace }: BatchSource, file: OpenFile): Promise<number | undefined> {
  const batches = await batchesOf(file.size);
  if (batches.size === 0) return undefined;
  return batches.get((await hashOfFile(file, file.size, pace)).sha256);
}
