import type { Files } from "../../platform/files.ts";
import type { Clock } from "../../platform/platform.ts";
import type { Threads } from "../../platform/threads.ts";
import type { BatchLeaf } from "../leaf.ts";
import type { Anchor } from "./anchors.ts";
import { anchorOf, anchorsOf, soleOrigin } from "./asked-log.ts";
import { type ChosenTree, chooseTree } from "./choose-tree.ts";
import { examineNothing, isEmpty } from "./empty-store.ts";
import { type Examination, type Examined, type HeldAnchor, isWindow, type Unread } from "./examination.ts";
import { collectFindings, type Findings } from "./finding.ts";
import { emptyHashTree, type HashTree } from "./hash-tree.ts";
import { type HashesAhead, hashesAhead, readAhead } from "./hashes-ahead.ts";
import { type History, readHistory, reportMissing } from "./history.ts";
import { type Inventory, takeInventory } from "./inventory.ts";
import { type BatchTotals, judgeBatches, judgeRecords } from "./judge-batches.ts";
import { judgeHistory } from "./judge-history.ts";
import { judgeKeys } from "./judge-keys.ts";
import { judgeRotations } from "./judge-rotations.ts";
import { judgeTiles } from "./judge-tiles.ts";
import { judgeTokens } from "./judge-tokens.ts";
import { type Kept, keptLeavesOf, readKept } from "./kept.ts";
import { type Crew, crewFor, digesting, opening } from "./on-threads.ts";
import { type Pace, paceOf } from "./pace.ts";
import { type Part, rangeOf } from "./part.ts";
import { proveRoot } from "./prove-root.ts";
import { directoryReader, type StoreReader } from "./store.ts";
import type { BatchRange, VerifyRequest } from "./verification.ts";
import { watchedReader } from "./watched-reader.ts";

export interface ExamineParts {
  readonly files: Files;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly threads: Threads;
  /** Told now and then how many bytes of batches are done, and how many there are. */
  readonly progress: (done: number, total: number) => void;
  /** Told of each batch that is verified: its bytes up to a signed root. */
  readonly onIntact?: (leaf: BatchLeaf) => void;
}

/**
 * Looks at all there is in a store, and of the batches at those of one part, or at all.
 * @throws FleetsecError where the store or the state cannot be read at all
 */
export async function examine(
  request: VerifyRequest,
  part: Part | undefined,
  parts: ExamineParts,
): Promise<Examined> {
  const crew = crewFor(request, parts.threads);
  try {
    return await examineWith(crew, request, part, parts);
  } finally {
    // what was found does not wait for threads that have nothing to do any more
    void crew?.pool.close();
  }
}

async function examineWith(
  crew: Crew | undefined,
  request: VerifyRequest,
  part: Part | undefined,
  parts: ExamineParts,
): Promise<Examined> {
  const findings = collectFindings();
  for (const finding of request.anchorFindings ?? []) findings.add(finding);
  const listing = readerOf(request, parts);
  const pace = paceOf(parts.clock, parts.signal);
  const ours = request.leaves === "batches";
  const inventory = await takeInventory(listing, ours, findings, pace);
  await listing.judge?.(findings, pace);
  if (isEmpty(inventory)) return examineNothing(request, parts, findings);
  const reader = watchedReader(listing, inventory);
  const { history, ahead } = await historyIn(request, parts, { reader, inventory, findings, pace }, part);
  if (request.allKeys === true) judgeKeys(history, request.trust, findings);
  const origin = history.origin ?? soleOrigin(request);
  const kept = origin === undefined ? undefined : readKept(parts.files, request.state, origin, request.trust);
  const anchors = [...(kept === undefined ? [] : [anchorOf(kept)]), ...anchorsOf(request, origin)];
  const chosen = chooseTree(inventory, history, anchors, { trust: request.trust, origin }, findings);
  if (request.leaves === "batches") {
    const signed = chosen.roots.length > 0 ? chosen.size : 0;
    const own = Math.max(history.current?.size ?? 0, history.stored.at(-1)?.size ?? 0);
    reportMissing(inventory, Math.max(own, signed), findings);
  }
  const range = rangeOf(part, chosen.size);
  const context = {
    request,
    parts,
    crew,
    findings,
    reader,
    pace,
    inventory,
    history,
    kept,
    anchors,
    chosen,
    range,
    ahead,
  };
  return { examination: await look(context), history, kept };
}

async function historyIn(
  request: VerifyRequest,
  parts: ExamineParts,
  { reader, inventory, findings, pace }: Pick<Context, "reader" | "inventory" | "findings" | "pace">,
  part: Part | undefined,
): Promise<{ readonly history: History; readonly ahead: HashesAhead | undefined }> {
  const { openMany, close } = opening(request, parts.threads, inventory.checkpoints.length);
  const ours = request.leaves === "batches";
  try {
    const opened = readHistory(reader, inventory, request.trust, ours, findings, pace, openMany);
    const ahead =
      openMany === undefined ? undefined : readAhead(readerOf(request, parts), inventory, part, pace);
    return { history: await opened, ahead };
  } finally {
    await close();
  }
}

function readerOf({ store }: VerifyRequest, { files }: ExamineParts): StoreReader {
  return typeof store === "string" ? directoryReader(files, store) : store;
}

interface Context {
  readonly request: VerifyRequest;
  readonly parts: ExamineParts;
  readonly crew: Crew | undefined;
  readonly findings: Findings;
  readonly reader: StoreReader;
  readonly pace: Pace;
  readonly inventory: Inventory;
  readonly history: History;
  readonly kept: Kept | undefined;
  readonly anchors: readonly Anchor[];
  readonly chosen: ChosenTree;
  readonly range: BatchRange;
  readonly ahead: HashesAhead | undefined;
}

async function look(context: Context): Promise<Examination> {
  const { request, parts, findings, reader, pace, inventory, history, kept, anchors, range, ahead } = context;
  const { size } = context.chosen;
  const ours = request.leaves === "batches";
  // where a checkpoint is not to be believed, that is the finding
  const unread = !ours && inventory.checkpoint && history.current === undefined;
  if (size === 0 && !unread) findings.add({ code: "LOG_EMPTY", detail: "the log has no batch" });
  const bundles = await hashesAhead(ahead, reader, inventory, size, range, pace);
  const { proof, root } = await proveRoot(context, bundles.tree);
  const established = proof?.established;
  const reference = proof?.established === true ? proof.proved : bundles.tree;
  const proved = proof?.proved ?? emptyHashTree();
  await judgeTiles({ reader, inventory, size, ours, proved, bundles: bundles.tree, findings, pace });
  const held = await judgeHistory({
    reader,
    history,
    anchors,
    keptLeaves: kept?.leaves,
    size,
    tree: reference,
    established,
    findings,
    pace,
  });
  const { trust } = request;
  const isCompared = !isWindow(request);
  if (ours) await judgeRotations({ reader, inventory, history, trust, size, isCompared, findings });
  const deep = bundles.records <= request.deepUpTo;
  const batchReader = watchedReader(readerOf(request, parts), context.inventory);
  const batchFindings = collectFindings();
  const totals = await readBatches(context, {
    batchReader,
    batchFindings,
    proved,
    deep,
    bytes: bundles.bytes,
  });
  const tokens = await judgeTokens({
    reader,
    inventory,
    history,
    authorities: request.timestampAuthorities,
    size,
    established,
    findings,
    pace,
  });
  const { origin } = history;
  return {
    range,
    whole: {
      log: origin === undefined || root === undefined ? undefined : { origin, size, root },
      origin: origin ?? soleOrigin(request),
      size,
      established,
      deep,
      newest: totals.newest,
      anchors: largestOf(held),
      tokens: tokens.held,
      unestablished: tokens.unestablished,
      timeline: totals.timeline,
      findings: findings.list(),
      counts: findings.counts(),
    },
    batches: { ...totals.checked, findings: batchFindings.list(), counts: batchFindings.counts() },
    leaves: keptLeavesOf(reference, size, range),
    unread: unreadBy(reader, batchReader),
  };
}

interface BatchSettings {
  readonly batchReader: StoreReader;
  readonly batchFindings: Findings;
  readonly proved: HashTree;
  readonly deep: boolean;
  /** Of all batches that are to be read. */
  readonly bytes: number;
}

async function readBatches(context: Context, settings: BatchSettings): Promise<BatchTotals> {
  const { request, parts, crew, findings, reader, pace, inventory, chosen, range } = context;
  const amount = { batches: range.to - range.from, bytes: settings.bytes };
  const { digest, abreast, close } = digesting(request, crew, amount, settings.batchReader, pace);
  const source = {
    request,
    reader,
    inventory,
    size: chosen.size,
    range,
    findings,
    pace,
    ...settings,
    digest,
    abreast,
    progress: (done: number) => parts.progress(done, settings.bytes),
    onIntact: parts.onIntact,
  };
  try {
    return await (request.leaves === "batches" ? judgeBatches(source) : judgeRecords(source));
  } finally {
    close();
  }
}

/** The largest of the anchors that hold, of each kind. */
function largestOf(held: readonly Anchor[]): HeldAnchor[] {
  return (["kept", "file"] as const).flatMap((kind): HeldAnchor[] => {
    const same = held.filter((anchor) => anchor.kind === kind);
    if (same.length === 0) return [];
    const { size, source } = same.reduce((most, anchor) => (anchor.size > most.size ? anchor : most));
    return [kind === "kept" ? { kind, size } : { kind, size, source }];
  });
}

/** Unreadable files that are told one by one. */
const MAX_UNREAD = 10_000;

function unreadBy(...readers: readonly StoreReader[]): Unread {
  const all = new Map(readers.flatMap(({ unreadable }) => [...unreadable]));
  const files = [...all].slice(0, MAX_UNREAD).map(([path, why]) => ({ path, why }));
  return { files, more: all.size - files.length };
}
