import { FleetsecError } from "../../errors.ts";
import type { BatchLeaf } from "../leaf.ts";
import type { Files } from "../../platform/files.ts";
import type { Locks } from "../../platform/lock.ts";
import type { Clock } from "../../platform/platform.ts";
import type { Threads } from "../../platform/threads.ts";
import type { Anchor } from "./anchors.ts";
import { type ChosenTree, chooseTree } from "./choose-tree.ts";
import { type BatchDigest, batchDigester, type DigestBatch, type DigestTask } from "./digest-batch.ts";
import { collectFindings, type Findings } from "./finding.ts";
import { hashesFromBundles, hashesFromTiles } from "./hash-sources.ts";
import { emptyHashTree, type HashTree } from "./hash-tree.ts";
import { type History, readHistory } from "./history.ts";
import { type Inventory, takeInventory } from "./inventory.ts";
import { type BatchTotals, judgeBatches, judgeRecords } from "./judge-batches.ts";
import { judgeHistory } from "./judge-history.ts";
import { judgeRotations } from "./judge-rotations.ts";
import { judgeTiles } from "./judge-tiles.ts";
import { judgeTokens } from "./judge-tokens.ts";
import { judgeWitnesses } from "./judge-witnesses.ts";
import { keep, type Kept, keptLeavesOf, readKept } from "./kept.ts";
import { type Pace, paceOf } from "./pace.ts";
import { type Proof, proveHashes } from "./prove.ts";
import { keyName } from "./signed-checkpoint.ts";
import { type StoreReader, storeReader } from "./store.ts";
import type { Trust } from "./trust.ts";
import type {
  AnchorUsed,
  KeptOutcome,
  TrustedKey,
  Verdict,
  Verification,
  VerifyRequest,
} from "./verification.ts";

export interface VerifyParts {
  readonly files: Files;
  readonly locks: Locks;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly threads: Threads;
  /** Told now and then how many bytes of batches are done, and how many there are. */
  readonly progress: (done: number, total: number) => void;
  /** Told of each batch that is verified: its bytes up to a signed root. */
  readonly onIntact?: (leaf: BatchLeaf) => void;
}

/**
 * Verifies a log's store: the signed checkpoint, the tree, the history, the batches, and that
 * nothing else is there. Goes on after a fault, to report all of them at once. Reads nothing but
 * the store and the auditor's state, and writes nothing but that state.
 * @throws FleetsecError where the store or the state cannot be read at all
 */
export async function verifyLog(request: VerifyRequest, parts: VerifyParts): Promise<Verification> {
  const findings = collectFindings();
  for (const finding of request.anchorFindings ?? []) findings.add(finding);
  const reader = storeReader(parts.files, request.store);
  const pace = paceOf(parts.clock, parts.signal);
  const ours = request.leaves === "batches";
  const inventory = await takeInventory(parts.files, request.store, ours, findings, pace);
  if (isEmpty(inventory)) return verifyNothing(request, parts, findings);
  const history = await readHistory(reader, inventory, request.trust, ours, findings, pace);
  const origin = history.origin ?? soleOrigin(request);
  const kept = origin === undefined ? undefined : readKept(parts.files, request.state, origin, request.trust);
  const anchors = [...(kept === undefined ? [] : [anchorOf(kept)]), ...anchorsOf(request, origin)];
  const chosen = chooseTree(inventory, history, anchors, findings);
  const context = { request, parts, findings, reader, pace, inventory, history, kept, anchors, chosen };
  return judge(context);
}

interface Context {
  readonly request: VerifyRequest;
  readonly parts: VerifyParts;
  readonly findings: Findings;
  readonly reader: StoreReader;
  readonly pace: Pace;
  readonly inventory: Inventory;
  readonly history: History;
  readonly kept: Kept | undefined;
  readonly anchors: readonly Anchor[];
  readonly chosen: ChosenTree;
}

async function judge(context: Context): Promise<Verification> {
  const { request, parts, findings, reader, pace, inventory, history, kept, anchors, chosen } = context;
  const { size } = chosen;
  const { origin } = history;
  const ours = request.leaves === "batches";
  // where a checkpoint is not to be believed, that is the finding
  const unread = !ours && inventory.checkpoint && history.current === undefined;
  if (size === 0 && !unread) findings.add({ code: "LOG_EMPTY", detail: "the log has no batch" });
  const bundles = await hashesFromBundles(reader, inventory, size, pace);
  const { proof, root } = await prove(context, bundles.tree);
  const reference = proof?.established === true ? proof.proved : bundles.tree;
  const proved = proof?.proved ?? emptyHashTree();
  await judgeTiles({ reader, inventory, size, ours, proved, bundles: bundles.tree, findings, pace });
  const held = judgeHistory({
    reader,
    history,
    anchors,
    keptLeaves: kept?.leaves,
    size,
    tree: reference,
    established: proof?.established,
    findings,
  });
  if (ours) judgeRotations({ reader, history, trust: request.trust, size, findings });
  const deep = bundles.records <= request.deepUpTo;
  const progress = (done: number) => parts.progress(done, bundles.bytes);
  const { digest, abreast, close } = digesting(context, bundles.bytes);
  const source = {
    request,
    reader,
    inventory,
    size,
    proved,
    findings,
    pace,
    deep,
    digest,
    abreast,
    progress,
    onIntact: parts.onIntact,
  };
  let totals: BatchTotals;
  try {
    totals = await (ours ? judgeBatches(source) : judgeRecords(source));
  } finally {
    await close();
  }
  const now = Math.floor(parts.clock.now() / 1000);
  const witnesses = judgeWitnesses(history, request.trust, now, findings);
  const tokens = await judgeTokens({
    reader,
    inventory,
    history,
    authorities: request.timestampAuthorities,
    size,
    established: proof?.established,
    findings,
    pace,
  });
  const age = judgeAge(totals.newest, request.maxAge, now, size, findings);
  const used = [
    ...largestOf(held).map((anchor) => usedOf(anchor, kept)),
    ...witnesses,
    ...tokens.anchors,
    ...age,
  ];
  const unestablished = [...unestablishedOf(context, totals), ...tokens.unestablished];
  const verdict = verdictOf(findings, used, unestablished);
  const outcome = await keepCheckpoint(context, verdict, totals, reference);
  return {
    verdict,
    leaves: request.leaves,
    ok: verdict === "intact" || (verdict === "unanchored" && request.allowUnanchored),
    log: origin === undefined || root === undefined ? undefined : { origin, size, root },
    checked: { ...totals.checked, deep },
    anchors: used,
    findings: findings.list(),
    counts: findings.counts(),
    omitted: findings.omitted(),
    unestablished,
    kept: outcome,
    keys: keysOf(request.trust, history),
    timeline: totals.timeline,
  };
}

function keysOf({ logs, witnesses }: Trust, { current }: Pick<History, "current">): TrustedKey[] {
  return [
    ...logs.map((key) => ({
      name: keyName(key),
      type: key.type,
      signed: current?.keys.includes(key) ?? false,
    })),
    ...[...witnesses].map(([name, key]) => ({
      name: `${name} (${keyName(key)})`,
      type: key.type,
      signed: current?.cosigned.has(name) ?? false,
    })),
  ];
}

/** How batches are digested, and how many at once: on other threads where that is faster. */
function digesting({ request, parts, reader, pace }: Context, bytes: number) {
  const { count, from } = request.threads;
  const here = batchDigester(reader, pace);
  if (count < 2 || bytes < from) return { digest: here, abreast: 1, close: () => Promise.resolve() };
  const pool = parts.threads.pool("digest-batch", count);
  const digest: DigestBatch = async (question) => {
    const task: DigestTask = { store: request.store, question };
    const answer = (await pool.run(task)) as BatchDigest | undefined;
    // what a thread cannot read is asked for again here: this reader remembers why
    return answer ?? here(question);
  };
  return { digest, abreast: 2 * count, close: () => pool.close() };
}

function isEmpty({
  checkpoint,
  checkpoints,
  tiles,
  bundles,
  batches,
  sidecars,
  irregular,
}: Inventory): boolean {
  const numbers = checkpoints.length + tiles.size + bundles.full.size + bundles.partial.size;
  return !checkpoint && numbers + batches.length + sidecars.length + irregular.size === 0;
}

/** A store without a file of the format. An empty log is never intact. */
function verifyNothing(request: VerifyRequest, { files }: VerifyParts, findings: Findings): Verification {
  findings.add({ code: "LOG_EMPTY", detail: "the store holds nothing of a log" });
  const origin = soleOrigin(request);
  const kept = origin === undefined ? undefined : readKept(files, request.state, origin, request.trust);
  const anchored = [...(kept === undefined ? [] : [kept.checkpoint]), ...anchorsOf(request, origin)];
  const to = anchored.reduce((most, { size }) => Math.max(most, size), 0);
  if (to > 0) {
    findings.add({
      code: "TAIL_TRUNCATED",
      seq: 0,
      from: 0,
      to,
      detail: `leaves 0 to ${to - 1} are gone; the log signed them`,
    });
  }
  return {
    verdict: "altered",
    leaves: request.leaves,
    ok: false,
    log: undefined,
    checked: { batches: 0, records: 0, bytes: 0, skipped: 0, deep: true },
    anchors: [],
    findings: findings.list(),
    counts: findings.counts(),
    omitted: findings.omitted(),
    unestablished: [],
    kept: { before: kept?.checkpoint.size, now: "not", path: kept?.path },
    keys: keysOf(request.trust, { current: undefined }),
    timeline: { spans: [], pauses: [] },
  };
}

/** The log that the trust file names, where it names one only. */
function soleOrigin({ trust }: VerifyRequest): string | undefined {
  const names = new Set(trust.logs.map(({ name }) => name));
  return names.size === 1 ? [...names][0] : undefined;
}

function anchorOf({ checkpoint, path }: Kept): Anchor {
  const { origin, size, root, note } = checkpoint;
  return { kind: "kept", source: path, origin, size, root, note: () => note };
}

function anchorsOf({ anchors }: VerifyRequest, origin: string | undefined): readonly Anchor[] {
  const own = anchors.filter((anchor) => anchor.origin === origin);
  if (own.length > 0 || anchors.length === 0) return own;
  throw new FleetsecError("input", "none of the anchors is a checkpoint of this log", {
    hint: "name a checkpoint of the log that is verified",
  });
}

/** The hashes that a signed root proves. Tiles are asked only where the bundles do not make the root. */
async function prove(
  { reader, inventory, chosen, pace }: Context,
  bundles: HashTree,
): Promise<{ readonly proof?: Proof; readonly root?: Uint8Array }> {
  const { size, roots } = chosen;
  for (const root of roots) {
    const proof = proveHashes(root, size, [bundles]);
    if (proof.established) return { proof, root };
  }
  const [root] = roots;
  if (root === undefined) return {};
  const tiles = await hashesFromTiles(reader, inventory, size, false, pace);
  const older = await hashesFromTiles(reader, inventory, size, true, pace);
  for (const other of roots) {
    const proof = proveHashes(other, size, [bundles, tiles, older]);
    if (proof.established) return { proof, root: other };
  }
  return { proof: { established: false, proved: emptyHashTree() }, root };
}

/** The largest of the anchors that hold, of each kind. */
function largestOf(held: readonly Anchor[]): Anchor[] {
  return (["kept", "file"] as const).flatMap((kind) => {
    const same = held.filter((anchor) => anchor.kind === kind);
    return same.length === 0 ? [] : same.reduce((most, anchor) => (anchor.size > most.size ? anchor : most));
  });
}

function usedOf(anchor: Anchor, kept: Kept | undefined): AnchorUsed {
  const { kind, size, source } = anchor;
  return kind === "kept" && kept !== undefined
    ? { kind, size, source, since: kept.since }
    : { kind, size, source };
}

/** Seconds by which the signer's clock may be ahead of the auditor's. */
const MAX_SKEW = 300;

/** A log whose newest batch is young enough cannot have lost more than that much of its tail. */
function judgeAge(
  newest: number | undefined,
  maxAge: number | undefined,
  now: number,
  size: number,
  findings: Findings,
): AnchorUsed[] {
  if (maxAge === undefined || newest === undefined) return [];
  const age = now - newest;
  if (age < -MAX_SKEW) {
    // a batch of the future would count as young until that time has come
    findings.add({
      code: "TIME_ANOMALY",
      seq: size - 1,
      detail: `the newest batch was closed ${-age} s in the future: its age says nothing`,
    });
    return [];
  }
  if (age > maxAge) {
    findings.add({
      code: "GAP",
      seq: size - 1,
      detail: `the newest batch was closed ${age} s ago; at most ${maxAge} s are allowed`,
    });
    return [];
  }
  return [{ kind: "age", size, source: `${Math.max(0, age)} s` }];
}

function unestablishedOf({ reader, request }: Context, totals: BatchTotals): string[] {
  const unread = [...reader.unreadable].map(([path, why]) => `${path} could not be read: ${why}`);
  return [
    ...unread.slice(0, 100),
    ...(unread.length > 100 ? [`${unread.length - 100} more files could not be read`] : []),
    ...(isWindow(request) && totals.checked.batches === 0
      ? ["no batch was open between the times given, so no record was read"]
      : []),
  ];
}

function isWindow({ since, until }: VerifyRequest): boolean {
  return since !== undefined || until !== undefined;
}

function verdictOf(
  findings: Findings,
  used: readonly AnchorUsed[],
  unestablished: readonly string[],
): Verdict {
  if (Object.keys(findings.counts()).length > 0) return "altered";
  if (unestablished.length > 0) return "not-established";
  return used.length > 0 ? "intact" : "unanchored";
}

/** Keeps the checkpoint after a verification that left nothing out. */
async function keepCheckpoint(
  { request, parts, history, kept }: Context,
  verdict: Verdict,
  totals: BatchTotals,
  tree: HashTree,
): Promise<KeptOutcome> {
  const before = kept?.checkpoint.size;
  const { current } = history;
  const clean = (verdict === "intact" || verdict === "unanchored") && totals.checked.skipped === 0;
  if (!clean || current === undefined) return { before, now: "not", path: kept?.path };
  if (before === current.size) return { before, now: "same", path: kept?.path };
  try {
    const leaves = keptLeavesOf(tree, current.size);
    const path = await keep(parts, request.state, current, leaves, request.trust);
    return { before, now: "saved", path };
  } catch (error) {
    if (!(error instanceof FleetsecError)) throw error;
    return { before, now: "not", path: kept?.path, fault: error.message };
  }
}
