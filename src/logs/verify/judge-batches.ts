import { batchPath, hashesPath } from "../layout.ts";
import { type BatchLeaf, formatLeaf } from "../leaf.ts";
import { leafHash, rootOf } from "../merkle.ts";
import { bundlesIn, leafIn } from "./bundle.ts";
import type { DigestBatch } from "./digest-batch.ts";
import type { Findings } from "./finding.ts";
import { gapsIn, reportGaps } from "./gaps.ts";
import { judgeBatch } from "./judge-batch.ts";
import { judgeChain } from "./judge-chain.ts";
import { judgeLeaves } from "./judge-leaves.ts";
import type { LeafSource, StoredLeaf } from "./leaf-source.ts";
import { hashOfFile, readRecords } from "./read-records.ts";
import type { StoreReader } from "./store.ts";
import { collectTimeline, type Timeline } from "./timeline.ts";
import type { BatchRange, Verification, VerifyRequest } from "./verification.ts";

export interface BatchesSource extends LeafSource {
  readonly request: Pick<VerifyRequest, "range" | "since" | "until" | "maxAge">;
  /** The batches to read; the leaves are all judged. */
  readonly range: BatchRange;
  /** What is said of the bytes of those batches, and the reader of these. */
  readonly batchFindings: Findings;
  readonly batchReader: StoreReader;
  readonly deep: boolean;
  readonly digest: DigestBatch;
  /** How many batches may be digested at once. */
  readonly abreast: number;
  /** Told how many bytes of batches are done. */
  readonly progress: (bytes: number) => void;
  /** Told of each batch that begins with its signed bytes, where its leaf is proved by a signed root. */
  readonly onIntact: ((leaf: BatchLeaf) => void) | undefined;
}

export interface BatchTotals {
  readonly checked: Omit<Verification["checked"], "deep">;
  /** When the newest batch was closed, in seconds since the epoch. */
  readonly newest: number | undefined;
  readonly timeline: Timeline;
}

/** Goes through the leaves in order and compares each batch with its leaf. */
export async function judgeBatches(source: BatchesSource): Promise<BatchTotals> {
  reportFiles(source);
  const chain = judgeChain(source.findings, source.request.maxAge);
  const checked = { batches: 0, records: 0, bytes: 0, skipped: 0 };
  const present = new Set(source.inventory.batches);
  const batchSource = {
    reader: source.batchReader,
    findings: source.batchFindings,
    pace: source.pace,
    batchesOf: lookUpBatches(source),
  };
  const timeline = collectTimeline(source.size);
  let done = 0;
  const underway: {
    readonly leaf: BatchLeaf;
    readonly proved: boolean;
    readonly digest: ReturnType<DigestBatch>;
  }[] = [];
  const settle = async (): Promise<void> => {
    const oldest = underway.shift();
    if (oldest === undefined) return;
    const { leaf, digest, proved } = oldest;
    source.progress(done);
    done += leaf.bytes;
    const { intact } = await judgeBatch(batchSource, leaf, await digest);
    if (!intact) return;
    if (proved) source.onIntact?.(leaf);
    checked.batches += 1;
    checked.records += leaf.records;
    checked.bytes += leaf.bytes;
  };
  for await (const leaf of judgeLeaves(source)) {
    const said = chain.next(leaf);
    const skipped = said !== undefined && !isAsked(leaf.seq, said, source.request);
    const isThere = present.has(leaf.seq);
    timeline.add(leaf.seq, said, isThere ? (skipped ? "skipped" : "present") : "missing");
    if (!isThere || !isIn(source.range, leaf.seq)) continue;
    if (skipped) {
      checked.skipped += 1;
      continue;
    }
    const signed = leaf.state === "altered" ? await rebuildLeaf(source, leaf, said) : said;
    if (signed === undefined) continue;
    const { bytes, records, sha256 } = signed;
    const digest = source.digest({ seq: leaf.seq, bytes, records, sha256, deep: source.deep });
    // a fault is met when its turn comes, however many come before it
    digest.catch(() => undefined);
    const { seq } = leaf;
    underway.push({
      leaf: signed.seq === seq ? signed : { ...signed, seq },
      proved: leaf.state !== "unproved",
      digest,
    });
    if (underway.length >= source.abreast) await settle();
  }
  while (underway.length > 0) await settle();
  return { checked, newest: chain.newest(), timeline: timeline.timeline() };
}

/** Goes through the leaves of a log whose leaves are the records themselves. */
export async function judgeRecords(source: BatchesSource): Promise<BatchTotals> {
  const checked = { batches: 0, records: 0, bytes: 0, skipped: 0 };
  for await (const { state, bytes } of judgeLeaves(source)) {
    if (state !== "proved") continue;
    checked.records += 1;
    checked.bytes += bytes.length;
  }
  return { checked, newest: undefined, timeline: collectTimeline(0).timeline() };
}

function isAsked(
  seq: number,
  { from, to }: BatchLeaf,
  { range, since, until }: BatchesSource["request"],
): boolean {
  if (range !== undefined && !isIn(range, seq)) return false;
  return (since === undefined || to >= since) && (until === undefined || from <= until);
}

function isIn({ from, to }: BatchRange, seq: number): boolean {
  return from <= seq && seq < to;
}

/** Batches and sidecars that are missing, and those that no leaf stands for. */
function reportFiles({ inventory, size, findings }: BatchesSource): void {
  const { batches, sidecars, irregular } = inventory;
  reportGaps(gapsIn(batches, size), (from, to) => {
    const path = batchPath(from);
    if (irregular.has(path)) return;
    const detail = from === to ? "the batch is missing" : `batches ${from} to ${to} are missing`;
    findings.add({ code: "BATCH_MISSING", seq: from, path, ...(from === to ? {} : { from, to }), detail });
  });
  reportGaps(gapsIn(sidecars, size), (from, to) => {
    const path = hashesPath(from);
    if (irregular.has(path)) return;
    const detail =
      from === to
        ? "the sidecar is missing; the records are judged without it"
        : `sidecars ${from} to ${to} are missing`;
    findings.add({ code: "SIDECAR_ALTERED", seq: from, path, ...(from === to ? {} : { from, to }), detail });
  });
  const unsigned = new Set(batches.filter((seq) => seq >= size));
  for (const seq of unsigned) {
    findings.add({
      code: "BATCH_UNSIGNED",
      seq,
      path: batchPath(seq),
      detail: `the signed tree ends before batch ${seq}: it was added, or its signing was interrupted`,
    });
  }
  for (const seq of sidecars) {
    if (seq < size || unsigned.has(seq)) continue;
    const detail = `the signed tree ends before batch ${seq}`;
    findings.add({ code: "BATCH_UNSIGNED", seq, path: hashesPath(seq), detail });
  }
}

/**
 * What an altered leaf said when it was signed, worked out from its batch: where the rebuilt leaf
 * has the signed hash, the batch is intact and only the leaf was altered.
 */
async function rebuildLeaf(
  { batchReader: reader, pace }: BatchesSource,
  { seq, signed }: StoredLeaf,
  said: BatchLeaf | undefined,
): Promise<BatchLeaf | undefined> {
  if (said === undefined || signed === undefined) return undefined;
  const rebuilt = await reader.withFile(batchPath(seq), async (file) => {
    const { sha256, bytes } = await hashOfFile(file, file.size, pace);
    const { hashes, offsets, cut } = await readRecords(file, file.size, MAX_REBUILT, pace);
    return cut ? undefined : { ...said, seq, sha256, bytes, records: offsets.length, root: rootOf(hashes) };
  });
  return rebuilt !== undefined && leafHash(formatLeaf(rebuilt)).equals(signed) ? rebuilt : undefined;
}

const MAX_REBUILT = 1_000_000;

/** Finds a batch by length and digest among those of the leaves; they are read when first asked for. */
function lookUpBatches(source: BatchesSource): (bytes: number) => Promise<ReadonlyMap<string, number>> {
  let index: Map<number, Map<string, number>> | undefined;
  return async (bytes) => {
    index ??= await readBatchIndex(source);
    return index.get(bytes) ?? new Map<string, number>();
  };
}

async function readBatchIndex({
  reader,
  inventory,
  size,
  pace,
}: BatchesSource): Promise<Map<number, Map<string, number>>> {
  const index = new Map<number, Map<string, number>>();
  for await (const { bundle } of bundlesIn(reader, inventory, size)) {
    await pace();
    for (const entry of bundle?.entries ?? []) {
      const leaf = leafIn(entry);
      if (leaf === undefined || leaf.seq >= size) continue;
      const batches = index.get(leaf.bytes) ?? new Map<string, number>();
      index.set(leaf.bytes, batches.set(leaf.sha256, leaf.seq));
    }
  }
  return index;
}
