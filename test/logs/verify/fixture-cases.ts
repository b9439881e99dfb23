import { batchPath, checkpointPath, hashesPath } from "../../../src/logs/layout.ts";
import { formatLeaf, parseLeaf } from "../../../src/logs/leaf.ts";
import { leafHash } from "../../../src/logs/merkle.ts";
import { parseNote } from "../../../src/logs/note.ts";
import { type LogSigner, signNote } from "../../../src/logs/signer.ts";
import { formatVerifierKey } from "../../../src/logs/verifier-key.ts";
import type { FindingCode } from "../../../src/logs/verify/finding.ts";
import {
  eventOf,
  type ModelBatch,
  modelSigner,
  modelStore,
  recordsOf,
  type StoreFiles,
} from "../store-model.ts";
import { type Bucket, bucketCases, tokenCases } from "./fixture-outside.ts";
import {
  bytesAt,
  change,
  editEntries,
  editLines,
  entryOffset,
  flip,
  offsetOf,
  swapFiles,
  withFile,
  without,
} from "./tamper.ts";
import { batchesOf, NOW } from "./verifying.ts";
import { cosignedBy, witnessLine } from "./witnesses.ts";

/** What a verifier must find, and where. */
export interface ExpectedFinding {
  readonly code: FindingCode;
  readonly seq?: number;
  readonly line?: number;
  readonly offset?: number;
  readonly path?: string;
}

/** A store that somebody tampered with, and what is to be said of it: of a control, nothing. */
export interface FixtureCase {
  /** Of the catalogue. */
  readonly row: number;
  /** Of its folder, after the row. */
  readonly name: string;
  readonly store: StoreFiles;
  readonly expected: readonly ExpectedFinding[];
  /** The trust file, where it is another one. */
  readonly trust?: string;
  /** The newest batch may be so many seconds old; heartbeats are demanded. */
  readonly maxAge?: number;
  /** Where the store is in a bucket: what that says of it. */
  readonly bucket?: Bucket;
}

const SEQ = 2;
const BATCH = batchPath(SEQ);
const HASHES = hashesPath(SEQ);
const BUNDLE = "tile/entries/000.p/4";
const TILE = "tile/0/000.p/4";
const RECORDS = 6;
const BATCHES = 4;

/** The checkpoint that every store is held to, beside the cases. */
export const ANCHOR = "anchor";

/** The trust file of the intact store, and of most others. */
export const TRUST = `${formatVerifierKey(modelSigner().key)}\n`;

/** 4 batches of 6 records. */
export async function intactStore(): Promise<StoreFiles> {
  return modelStore(batchesOf(BATCHES, RECORDS));
}

export async function fixtureCases(): Promise<FixtureCase[]> {
  const store = await intactStore();
  return [
    ...recordCases(store),
    ...batchCases(store),
    ...treeCases(store),
    ...(await checkpointCases(store)),
    ...(await historyCases(store)),
    ...(await keyCases(store)),
    ...witnessCases(store),
    ...(await timeCases(store)),
    ...tokenCases(store, BATCHES),
    ...bucketCases(store),
    ...strayCases(store),
  ];
}

function recordCases(store: StoreFiles): FixtureCase[] {
  const at = (line: number, files = store) => ({
    seq: SEQ,
    line,
    offset: offsetOf(files, BATCH, line),
    path: BATCH,
  });
  const lines = (edit: (lines: string[]) => readonly string[]) => editLines(store, BATCH, edit);
  const swapped = lines((all) => all.with(1, all[3] ?? "").with(3, all[1] ?? ""));
  const inserted = `${JSON.stringify(eventOf(999))}\n`;
  return [
    {
      row: 1,
      name: "record-altered",
      store: flip(store, BATCH, offsetOf(store, BATCH, 3) + 20),
      expected: [{ code: "RECORD_ALTERED", ...at(3) }],
    },
    {
      row: 2,
      name: "record-removed",
      store: lines((all) => all.toSpliced(2, 1)),
      expected: [{ code: "RECORD_DELETED", ...at(3) }],
    },
    {
      row: 3,
      name: "record-added",
      store: lines((all) => all.toSpliced(2, 0, inserted)),
      expected: [{ code: "RECORD_INSERTED", ...at(3) }],
    },
    {
      row: 4,
      name: "records-swapped",
      store: swapped,
      expected: [
        { code: "RECORD_REORDERED", ...at(2) },
        { code: "RECORD_REORDERED", ...at(4, swapped) },
      ],
    },
    {
      row: 5,
      name: "record-doubled",
      store: lines((all) => all.toSpliced(3, 0, all[2] ?? "")),
      expected: [{ code: "RECORD_DUPLICATED", ...at(4) }],
    },
    {
      row: 6,
      name: "only-the-form-of-the-json",
      store: lines((all) => all.with(2, (all[2] ?? "").replace('{"', '{ "'))),
      expected: [{ code: "RECORD_ALTERED", ...at(3) }],
    },
    {
      row: 7,
      name: "trailing-bytes",
      store: change(store, BATCH, (bytes) => Buffer.concat([bytes, Buffer.from("rest")])),
      expected: [{ code: "TRAILING_DATA", ...at(RECORDS + 1) }],
    },
    {
      row: 8,
      name: "batch-cut-short",
      store: change(store, BATCH, (bytes) => bytes.subarray(0, offsetOf(store, BATCH, 5) + 9)),
      expected: [{ code: "RECORDS_MISSING", ...at(5) }],
    },
  ];
}

function batchCases(store: StoreFiles): FixtureCase[] {
  const altered = flip(store, BATCH, offsetOf(store, BATCH, 3) + 20);
  const beyond = batchPath(BATCHES);
  return [
    {
      row: 9,
      name: "batch-missing",
      store: without(store, BATCH),
      expected: [{ code: "BATCH_MISSING", seq: SEQ, path: BATCH }],
    },
    {
      row: 10,
      name: "batches-swapped",
      store: swapFiles(store, batchPath(0), BATCH),
      expected: [
        { code: "BATCH_SWAPPED", seq: 0, path: batchPath(0) },
        { code: "BATCH_SWAPPED", seq: SEQ, path: BATCH },
      ],
    },
    {
      row: 11,
      name: "batch-beyond-the-tree",
      store: withFile(store, beyond, "{}\n"),
      expected: [{ code: "BATCH_UNSIGNED", seq: BATCHES, path: beyond }],
    },
    {
      row: 12,
      name: "sidecar-edited",
      store: flip(store, HASHES, 3 * 32 + 1),
      expected: [{ code: "SIDECAR_ALTERED", seq: SEQ, line: 4, offset: 3 * 32 + 1, path: HASHES }],
    },
    {
      row: 13,
      name: "batch-and-sidecar-edited",
      store: change(altered, HASHES, (bytes) => {
        bytes.set(leafHash(recordsOf(bytesAt(altered, BATCH))[2] ?? Buffer.of()), 2 * 32);
        return bytes;
      }),
      expected: [
        { code: "BATCH_ALTERED", seq: SEQ, path: BATCH },
        { code: "SIDECAR_ALTERED", seq: SEQ, path: HASHES },
      ],
    },
  ];
}

function treeCases(store: StoreFiles): FixtureCase[] {
  const reordered = editEntries(store, BUNDLE, ([a, b, c, d]) => [a, d, c, b] as Buffer[]);
  const longer = editEntries(store, BUNDLE, (entries) => [...entries, Buffer.from("more")]);
  return [
    {
      row: 14,
      name: "leaf-edited",
      store: editEntries(store, BUNDLE, (entries) =>
        entries.with(SEQ, Buffer.from((entries[SEQ] ?? "").toString().replace("records 6", "records 5"))),
      ),
      expected: [{ code: "LEAF_MISMATCH", seq: SEQ, offset: entryOffset(store, BUNDLE, SEQ), path: BUNDLE }],
    },
    {
      row: 15,
      name: "bundle-reordered",
      store: reordered,
      expected: [
        { code: "BUNDLE_ORDER", seq: 1, offset: entryOffset(reordered, BUNDLE, 3), path: BUNDLE },
        { code: "BUNDLE_ORDER", seq: 3, offset: entryOffset(reordered, BUNDLE, 1), path: BUNDLE },
      ],
    },
    {
      row: 16,
      name: "surplus-entry",
      store: longer,
      expected: [{ code: "BUNDLE_SURPLUS", offset: bytesAt(store, BUNDLE).length, path: BUNDLE }],
    },
    {
      row: 17,
      name: "tile-flipped",
      store: flip(store, TILE, 2 * 32 + 5),
      expected: [{ code: "TILE_ALTERED", seq: 2, offset: 2 * 32, path: TILE }],
    },
    {
      row: 18,
      name: "tile-missing",
      store: without(store, TILE),
      expected: [{ code: "TILE_MISSING", path: TILE }],
    },
    {
      row: 18,
      name: "tile-short",
      store: change(store, TILE, (bytes) => bytes.subarray(0, 100)),
      expected: [{ code: "TILE_MISSING", offset: 100, path: TILE }],
    },
    {
      row: 19,
      name: "partial-against-fuller",
      store: flip(store, "tile/0/000.p/3", 40),
      expected: [{ code: "TILE_CONFLICT", seq: 1, offset: 32, path: "tile/0/000.p/3" }],
    },
  ];
}

async function checkpointCases(store: StoreFiles): Promise<FixtureCase[]> {
  const note = bytesAt(store, "checkpoint").toString();
  const stranger = modelSigner("fleet.internal/other");
  const impostor = { ...stranger, key: { ...stranger.key, name: "fleet.internal/audit" } };
  const { text } = parseNote(bytesAt(store, "checkpoint"));
  const other = await modelStore(batchesOf(BATCHES, RECORDS), [stranger]);
  const one = (code: FindingCode): ExpectedFinding[] => [{ code, path: "checkpoint" }];
  const root = (first: string) => (first === "A" ? "B" : "A");
  const edited = note.replace(
    /\n(.)([^\n]+\n\n)/,
    (_, first: string, rest: string) => `\n${root(first)}${rest}`,
  );
  const named = (row: number, name: string, checkpoint: Buffer | string, code: FindingCode): FixtureCase => ({
    row,
    name,
    store: withFile(store, "checkpoint", checkpoint),
    expected: one(code),
  });
  return [
    named(21, "root-edited", edited, "SIG_INVALID"),
    named(22, "unknown-key", await signNote(text, [impostor]), "KEY_UNKNOWN"),
    named(23, "leading-zero", note.replace("\n4\n", "\n04\n"), "NOTE_MALFORMED"),
    named(23, "no-blank-line", note.replace("\n\n", "\n"), "NOTE_MALFORMED"),
    named(24, "other-origin", bytesAt(other, "checkpoint"), "ORIGIN_MISMATCH"),
  ];
}

async function historyCases(store: StoreFiles): Promise<FixtureCase[]> {
  const batches = batchesOf(BATCHES, RECORDS);
  const rewritten = await modelStore(
    batches.with(1, { ...(batches[1] as ModelBatch), data: Buffer.from("{}\n") }),
  );
  const broken = await modelStore([...batches, oneMore(NOW - 120)], undefined, (leaf, seq) =>
    seq === BATCHES ? formatLeaf({ ...parseLeaf(leaf), prev: "00".repeat(32) }) : leaf,
  );
  return [
    { row: 20, name: "prev-broken", store: broken, expected: [{ code: "CHAIN_BREAK", seq: BATCHES }] },
    {
      row: 25,
      name: "old-checkpoint-replayed",
      store: withFile(store, "checkpoint", bytesAt(store, checkpointPath(2))),
      expected: [{ code: "ROLLBACK", path: "checkpoint" }],
    },
    {
      row: 26,
      name: "tail-cut-off",
      store: await modelStore(batchesOf(2, RECORDS)),
      expected: [{ code: "TAIL_TRUNCATED", seq: 2 }],
    },
    {
      row: 27,
      name: "two-roots-of-one-size",
      store: withFile(store, checkpointPath(BATCHES), bytesAt(rewritten, "checkpoint")),
      expected: [{ code: "EQUIVOCATION", path: "checkpoint" }],
    },
    {
      row: 28,
      name: "rewritten-and-signed-again",
      store: rewritten,
      expected: [
        { code: "EQUIVOCATION", path: "checkpoint" },
        { code: "INCONSISTENT_WITH_ANCHOR", path: ANCHOR },
      ],
    },
  ];
}

/** One more batch, of that minute. */
function oneMore(from: number): ModelBatch {
  return { data: Buffer.from("{}\n"), from, to: from + 60 };
}

async function keyCases(store: StoreFiles): Promise<FixtureCase[]> {
  const [old, next] = [modelSigner(), modelSigner(undefined, "next")];
  const [oldKey, nextKey] = [old, next].map(({ key }) => formatVerifierKey(key));
  const signedBy = async (signers: readonly LogSigner[], ...paths: string[]): Promise<StoreFiles> => {
    const signed = new Map(store);
    for (const path of paths) {
      const { text } = parseNote(bytesAt(store, path));
      signed.set(path, Buffer.from(await signNote(text, signers)));
    }
    return signed;
  };
  return [
    {
      row: 29,
      name: "rotation-unsigned",
      store: await signedBy([next], "checkpoint", checkpointPath(3), checkpointPath(4)),
      trust: `${oldKey}\n${nextKey}\n`,
      expected: [{ code: "KEY_ROTATION_INVALID", seq: 2, path: checkpointPath(3) }],
    },
    {
      row: 30,
      name: "key-outside-its-range",
      store: await signedBy([old, next], checkpointPath(2)),
      trust: `${oldKey}\n${nextKey} 3-\n`,
      expected: [
        { code: "KEY_OUT_OF_RANGE", path: checkpointPath(2) },
        // its range begins where nothing hands over to it
        { code: "KEY_ROTATION_INVALID", seq: 2, path: checkpointPath(3) },
      ],
    },
  ];
}

function witnessCases(store: StoreFiles): FixtureCase[] {
  const trust = `log ${TRUST}${witnessLine("a")}\n${witnessLine("b")}\ngroup both all a b\nquorum both\n`;
  const quorumUnmet = { code: "QUORUM_UNMET", path: "checkpoint" } as const;
  return [
    {
      row: 31,
      name: "quorum-unmet",
      store: cosignedBy(store, ["a", NOW - 60]),
      trust,
      expected: [quorumUnmet],
    },
    {
      row: 32,
      name: "cosigned-in-the-future",
      store: cosignedBy(store, ["a", NOW - 60], ["b", NOW + 301]),
      trust,
      expected: [quorumUnmet, { code: "TIME_ANOMALY", path: "checkpoint" }],
    },
  ];
}

async function timeCases(store: StoreFiles): Promise<FixtureCase[]> {
  const batches = batchesOf(BATCHES, RECORDS);
  return [
    {
      row: 33,
      name: "batch-backdated",
      store: await modelStore([...batches, oneMore(1_763_800_000)]),
      expected: [{ code: "TIME_REGRESSION", seq: BATCHES }],
    },
    {
      row: 34,
      name: "heartbeat-missing",
      store,
      maxAge: 3600,
      expected: [{ code: "GAP", seq: BATCHES - 1 }],
    },
  ];
}

function strayCases(store: StoreFiles): FixtureCase[] {
  return [
    {
      row: 38,
      name: "stray-file",
      store: withFile(store, "fleetsec/batch/notes.txt", "x"),
      expected: [{ code: "UNEXPECTED_FILE", path: "fleetsec/batch/notes.txt" }],
    },
    {
      row: 39,
      name: "nothing-left",
      store: new Map([["README", Buffer.from("moved\n")]]),
      expected: [
        { code: "LOG_EMPTY" },
        { code: "TAIL_TRUNCATED", seq: 0 },
        { code: "UNEXPECTED_FILE", path: "README" },
      ],
    },
  ];
}
