import { beforeAll, describe, expect, test } from "vitest";
import { formatCheckpoint, parseCheckpoint } from "../../../src/logs/checkpoint.ts";
import { batchPath, checkpointPath, hashesPath } from "../../../src/logs/layout.ts";
import { formatLeaf, parseLeaf } from "../../../src/logs/leaf.ts";
import { leafHash } from "../../../src/logs/merkle.ts";
import { parseNote } from "../../../src/logs/note.ts";
import { formatRotation } from "../../../src/logs/rotation.ts";
import { type LogSigner, signNote } from "../../../src/logs/signer.ts";
import { formatVerifierKey } from "../../../src/logs/verifier-key.ts";
import type { Finding } from "../../../src/logs/verify/finding.ts";
import { parseTrust, type Trust } from "../../../src/logs/verify/trust.ts";
import {
  eventOf,
  type ModelBatch,
  modelSigner,
  modelStore,
  recordsOf,
  type StoreFiles,
} from "../store-model.ts";
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
  withoutBelow,
} from "./tamper.ts";
import { verifyInPartsToo as verifyFiles } from "./merging.ts";
import { anchorIn, batchesOf, NOW, places, trustIn } from "./verifying.ts";
import { cosignedBy, witnessLine } from "./witnesses.ts";

/** 6 batches of 20 records. */
let store: StoreFiles;
/** 259 batches of a record: a full tile, and a partial one at levels 0 and 1. */
let tall: StoreFiles;

beforeAll(async () => {
  store = await modelStore(batchesOf(6, 20));
  tall = await modelStore(batchesOf(259, 1));
});

const SEQ = 3;
const BATCH = batchPath(SEQ);
const HASHES = hashesPath(SEQ);
const BUNDLE = "tile/entries/000.p/6";
const TILE = "tile/0/000.p/6";

/** Findings of a tampered store, held to the checkpoint that the untouched one had. */
async function findingsOf(tampered: StoreFiles, original = store): Promise<readonly Finding[]> {
  const { findings, ok } = await verifyFiles(tampered, { anchors: [anchorIn(original)] });
  expect(ok).toBe(findings.length === 0);
  return findings;
}

test("the control: the untouched stores are intact and anchored", async () => {
  for (const one of [store, tall]) {
    const result = await verifyFiles(one, { anchors: [anchorIn(one)] });
    expect(result).toMatchObject({ verdict: "intact", ok: true, findings: [] });
  }
});

describe("1-8: records", () => {
  const at = (line: number) => ({ seq: SEQ, line, offset: offsetOf(store, BATCH, line), path: BATCH });

  test.each([1, 7, 20])("1: a byte of record %i is flipped", async (line) => {
    const tampered = flip(store, BATCH, offsetOf(store, BATCH, line) + 5);
    expect(places(await findingsOf(tampered))).toEqual([{ code: "RECORD_ALTERED", ...at(line) }]);
  });

  test("1: a record becomes two, and two become one", async () => {
    const cut = flip(store, BATCH, offsetOf(store, BATCH, 8) - 1, 0x0a ^ 0x20);
    expect(places(await findingsOf(cut))).toEqual([
      { code: "RECORD_ALTERED", ...at(7) },
      { code: "RECORD_DELETED", ...at(8), offset: offsetOf(cut, BATCH, 8) },
    ]);
    const split = change(store, BATCH, (bytes) => {
      bytes[offsetOf(store, BATCH, 7) + 12] = 0x0a;
      return bytes;
    });
    expect(places(await findingsOf(split))).toEqual([
      { code: "RECORD_ALTERED", ...at(7) },
      { code: "RECORD_INSERTED", ...at(8), offset: offsetOf(store, BATCH, 7) + 13 },
    ]);
  });

  test.each([1, 7, 19])("2: record %i is removed", async (line) => {
    const tampered = editLines(store, BATCH, (lines) => lines.toSpliced(line - 1, 1));
    expect(places(await findingsOf(tampered))).toEqual([{ code: "RECORD_DELETED", ...at(line) }]);
  });

  test.each([1, 7, 20])("3: a record is added as line %i", async (line) => {
    const tampered = editLines(store, BATCH, (lines) =>
      lines.toSpliced(line - 1, 0, `${JSON.stringify(eventOf(999_999))}\n`),
    );
    expect(places(await findingsOf(tampered))).toEqual([{ code: "RECORD_INSERTED", ...at(line) }]);
  });

  test("3: a record is added after the last", async () => {
    const tampered = change(store, BATCH, (bytes) => Buffer.concat([bytes, Buffer.from('{"a":1}\n')]));
    expect(places(await findingsOf(tampered))).toEqual([{ code: "RECORD_INSERTED", ...at(21) }]);
    const quiet = await modelStore([{ data: Buffer.of(), from: 1, to: 1 }]);
    expect(await findingsOf(withFile(quiet, batchPath(0), "{}\n"), quiet)).toMatchObject([
      { code: "RECORD_INSERTED", seq: 0, line: 1, offset: 0 },
    ]);
  });

  test("4: two neighbours are swapped", async () => {
    const tampered = editLines(store, BATCH, (lines) =>
      lines.map((line, i) => (i === 6 ? lines[7] : i === 7 ? lines[6] : line) as string),
    );
    expect(await findingsOf(tampered)).toMatchObject([
      { code: "RECORD_REORDERED", seq: SEQ, line: 7, offset: at(7).offset, from: 8, to: 7 },
      { code: "RECORD_REORDERED", seq: SEQ, line: 8, offset: offsetOf(tampered, BATCH, 8), from: 7, to: 8 },
    ]);
  });

  test("4: two records far apart are swapped, and one is moved", async () => {
    const swapped = editLines(store, BATCH, (lines) =>
      lines.map((line, i) => (i === 2 ? lines[16] : i === 16 ? lines[2] : line) as string),
    );
    expect(await findingsOf(swapped)).toMatchObject([
      { code: "RECORD_REORDERED", line: 3, offset: at(3).offset, from: 17, to: 3 },
      { code: "RECORD_REORDERED", line: 17, offset: offsetOf(swapped, BATCH, 17), from: 3, to: 17 },
    ]);
    const moved = editLines(store, BATCH, (lines) => [
      ...lines.slice(1, 12),
      lines[0] ?? "",
      ...lines.slice(12),
    ]);
    expect(await findingsOf(moved)).toMatchObject([
      { code: "RECORD_REORDERED", line: 12, offset: offsetOf(moved, BATCH, 12), from: 1, to: 12 },
    ]);
  });

  test("5: a record is duplicated", async () => {
    const tampered = editLines(store, BATCH, (lines) => lines.toSpliced(7, 0, lines[6] ?? ""));
    expect(places(await findingsOf(tampered))).toEqual([{ code: "RECORD_DUPLICATED", ...at(8) }]);
    const far = editLines(store, BATCH, (lines) => lines.toSpliced(15, 0, lines[6] ?? ""));
    expect(await findingsOf(far)).toMatchObject([{ code: "RECORD_DUPLICATED", ...at(16), from: 7, to: 16 }]);
  });

  test.each<[string, (line: string) => string]>([
    ["spaces after colons and commas", (line) => `${line.trimEnd().replaceAll(/([:,])(?=["[{])/g, "$1 ")}\n`],
    ["trailing spaces", (line) => line.replace("\n", "  \n")],
    ["CRLF", (line) => line.replace("\n", "\r\n")],
    [
      "key order",
      (line) =>
        `${JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(line) as object).toReversed()))}\n`,
    ],
    [
      "escapes",
      (line) =>
        line
          .replace("gateway", "\\u0067ateway")
          .replace("dispatch", "\\u0064ispatch")
          .replace("opa", "\\u006fpa")
          .replace("tms-", "\\u0074ms-"),
    ],
  ])("6: only the form of the JSON is altered: %s", async (_, edit) => {
    const tampered = editLines(store, BATCH, (lines) => lines.with(6, edit(lines[6] ?? "")));
    expect(tampered.get(BATCH)).not.toEqual(store.get(BATCH));
    expect(await findingsOf(tampered)).toMatchObject([{ code: "RECORD_ALTERED", ...at(7), equalJson: true }]);
  });

  test("6: a whole file with CRLF", async () => {
    const tampered = editLines(store, BATCH, (lines) => lines.map((line) => line.replace("\n", "\r\n")));
    const findings = await findingsOf(tampered);
    expect(findings).toHaveLength(20);
    for (const finding of findings)
      expect(finding).toMatchObject({ code: "RECORD_ALTERED", equalJson: true });
  });

  test("6: of long lines every one is found, and the first are searched for a mere rewriting", async () => {
    const lines = Array.from(
      { length: 16 },
      (_, n) => `${JSON.stringify({ n, text: "x".repeat(1_000_000) })}\n`,
    );
    const long = await modelStore([{ data: Buffer.from(lines.join("")), from: 1, to: 1 }]);
    const spaced = (all: string[]) => all.map((line) => line.replace(",", ", "));
    const { findings } = await verifyFiles(editLines(long, batchPath(0), spaced));
    expect(findings.map(({ code, line }) => [code, line])).toEqual(
      lines.map((_, n) => ["RECORD_ALTERED", n + 1]),
    );
    const equal = findings.filter(({ equalJson }) => equalJson === true);
    expect(equal).toEqual(findings.slice(0, equal.length));
    expect([equal.length > 0, equal.length < findings.length]).toEqual([true, true]);
  });

  test("a record that is longer than a signer takes is like any other", async () => {
    const longest = "x".repeat(1 << 20);
    for (const record of [longest, `${longest}y`, longest.repeat(3)]) {
      const long = await modelStore([{ data: Buffer.from(`a\n${record}\nb\n`), from: 1, to: 1 }]);
      expect(await findingsOf(long, long)).toEqual([]);
      const tampered = flip(long, batchPath(0), record.length);
      expect(await findingsOf(tampered, long)).toMatchObject([
        { code: "RECORD_ALTERED", line: 2, offset: 2 },
      ]);
    }
  });

  test("6: what changes the meaning is not called equal", async () => {
    const tampered = editLines(store, BATCH, (lines) =>
      lines.with(6, (lines[6] ?? "").replace("req-", "req_")),
    );
    const [finding] = await findingsOf(tampered);
    expect(finding).toMatchObject({ code: "RECORD_ALTERED", ...at(7) });
    expect(finding?.equalJson).toBeUndefined();
  });

  test("5: a record is duplicated after the last", async () => {
    const append = (file: string, ...lines: readonly string[]) =>
      editLines(store, BATCH, (all) => [...all, ...lines.map((line) => all[Number(line)] ?? line), file]);
    for (const line of [1, 7, 20]) {
      const tampered = append("", String(line - 1));
      expect(await findingsOf(tampered)).toMatchObject([
        { code: "RECORD_DUPLICATED", ...at(21), from: line, to: 21 },
      ]);
    }
    const several = append("garbage", "1", '{"a":1}\n', "1", "6");
    expect(await findingsOf(several)).toMatchObject([
      { code: "RECORD_DUPLICATED", ...at(21), from: 2, to: 21 },
      { code: "RECORD_INSERTED", line: 22, offset: offsetOf(several, BATCH, 22) },
      { code: "RECORD_DUPLICATED", line: 23, offset: offsetOf(several, BATCH, 23), from: 2, to: 23 },
      { code: "RECORD_DUPLICATED", line: 24, offset: offsetOf(several, BATCH, 24), from: 7, to: 24 },
      { code: "TRAILING_DATA", line: 25, offset: offsetOf(several, BATCH, 25) },
    ]);
  });

  test("5: a record is no JSON, or as long as can be, and is duplicated after the last", async () => {
    for (const record of ["plain text", "", "\xff\r", "x".repeat(1 << 20)]) {
      const lines = Buffer.from(`first\n${record}\n`, "latin1");
      const original = await modelStore([{ data: lines, from: 1, to: 1 }]);
      const copied = change(original, batchPath(0), (bytes) => Buffer.concat([bytes, bytes.subarray(6)]));
      expect(await findingsOf(copied, original)).toMatchObject([
        { code: "RECORD_DUPLICATED", line: 3, offset: lines.length, from: 2, to: 3 },
      ]);
    }
  });

  test.each(["\n", "\0\0\0", "{", "garbage\n", '["a"]\n'])("7: bytes trail the batch: %j", async (tail) => {
    const tampered = change(store, BATCH, (bytes) => Buffer.concat([bytes, Buffer.from(tail)]));
    expect(places(await findingsOf(tampered))).toEqual([{ code: "TRAILING_DATA", ...at(21) }]);
  });

  test("8: the batch is cut between records, within one, and before its last newline", async () => {
    const between = change(store, BATCH, (bytes) => bytes.subarray(0, at(18).offset));
    expect(await findingsOf(between)).toMatchObject([
      { code: "RECORDS_MISSING", ...at(18), from: 18, to: 20 },
    ]);
    const within = change(store, BATCH, (bytes) => bytes.subarray(0, at(18).offset + 30));
    expect(await findingsOf(within)).toMatchObject([
      { code: "RECORDS_MISSING", ...at(18), from: 18, to: 20 },
    ]);
    const newline = change(store, BATCH, (bytes) => bytes.subarray(0, -1));
    expect(places(await findingsOf(newline))).toEqual([{ code: "RECORD_ALTERED", ...at(20) }]);
    const all = withFile(store, BATCH, "");
    expect(await findingsOf(all)).toMatchObject([{ code: "RECORDS_MISSING", ...at(1), from: 1, to: 20 }]);
  });
});

describe("9-13: batches and sidecars", () => {
  test("9: a batch is missing", async () => {
    expect(places(await findingsOf(without(store, BATCH)))).toEqual([
      { code: "BATCH_MISSING", seq: SEQ, path: BATCH },
    ]);
  });

  test("9: all batches are missing", async () => {
    const findings = await findingsOf(withoutBelow(tall, "fleetsec/batch/"), tall);
    expect(findings).toMatchObject([{ code: "BATCH_MISSING", seq: 0, from: 0, to: 258 }]);
  });

  test("10: two batches are swapped, with and without their sidecars", async () => {
    const swapped = swapFiles(store, batchPath(1), batchPath(4));
    const expected = [
      { code: "BATCH_SWAPPED", seq: 1, path: batchPath(1) },
      { code: "BATCH_SWAPPED", seq: 4, path: batchPath(4) },
    ];
    expect(places(await findingsOf(swapped))).toEqual(expected);
    const both = swapFiles(swapped, hashesPath(1), hashesPath(4));
    expect(places(await findingsOf(both))).toEqual([
      expected[0],
      { code: "SIDECAR_ALTERED", seq: 1, path: hashesPath(1) },
      expected[1],
      { code: "SIDECAR_ALTERED", seq: 4, path: hashesPath(4) },
    ]);
  });

  test("10: a batch is replaced by another one", async () => {
    const tampered = withFile(store, BATCH, bytesAt(store, batchPath(0)));
    expect(await findingsOf(tampered)).toMatchObject([
      { code: "BATCH_SWAPPED", seq: SEQ, path: BATCH, from: 0 },
    ]);
  });

  test("11: a batch beyond the tree", async () => {
    const tampered = withFile(store, batchPath(6), "{}\n");
    expect(places(await findingsOf(tampered))).toEqual([
      { code: "BATCH_UNSIGNED", seq: 6, path: batchPath(6) },
    ]);
    const far = withFile(store, hashesPath(1_234_567), Buffer.alloc(32));
    expect(places(await findingsOf(far))).toEqual([
      { code: "BATCH_UNSIGNED", seq: 1_234_567, path: hashesPath(1_234_567) },
    ]);
  });

  test("12: the sidecar alone is edited: the log is intact", async () => {
    const tampered = flip(store, HASHES, 7 * 32 + 3);
    const { findings, checked } = await verifyFiles(tampered, { anchors: [anchorIn(store)] });
    expect(places(findings)).toEqual([
      { code: "SIDECAR_ALTERED", seq: SEQ, line: 8, offset: 7 * 32 + 3, path: HASHES },
    ]);
    expect(checked).toMatchObject({ batches: 6, records: 120 });
  });

  test.each<[string, (bytes: Buffer) => Buffer, number]>([
    ["cut", (bytes) => bytes.subarray(0, 100), 100],
    ["longer", (bytes) => Buffer.concat([bytes, Buffer.from("x")]), 640],
    ["empty", () => Buffer.of(), 0],
  ])("12: the sidecar is %s", async (_, edit, offset) => {
    expect(await findingsOf(change(store, HASHES, edit))).toMatchObject([
      { code: "SIDECAR_ALTERED", seq: SEQ, offset, path: HASHES },
    ]);
  });

  test("12: the sidecar is missing", async () => {
    expect(places(await findingsOf(without(store, HASHES)))).toEqual([
      { code: "SIDECAR_ALTERED", seq: SEQ, path: HASHES },
    ]);
  });

  test("13: batch and sidecar are edited: the line is not known", async () => {
    const edited = flip(store, BATCH, offsetOf(store, BATCH, 7) + 5);
    const record = recordsOf(bytesAt(edited, BATCH))[6] ?? Buffer.of();
    const tampered = change(edited, HASHES, (bytes) => {
      bytes.set(leafHash(record), 6 * 32);
      return bytes;
    });
    expect(places(await findingsOf(tampered))).toEqual([
      { code: "BATCH_ALTERED", seq: SEQ, path: BATCH },
      { code: "SIDECAR_ALTERED", seq: SEQ, path: HASHES },
    ]);
  });
});

describe("14-20: leaves, bundles and tiles", () => {
  const editLeaf = (tampered: StoreFiles, seq: number, edit: (text: string) => string) =>
    editEntries(tampered, BUNDLE, (entries) =>
      entries.with(seq, Buffer.from(edit(entries[seq]?.toString() ?? ""))),
    );

  test.each<[string, (leaf: string) => string]>([
    ["time", (leaf) => leaf.replace(/time (\d+)/, "time 1")],
    ["sha256", (leaf) => leaf.replace(/sha256 ..../, "sha256 0000")],
    ["records", (leaf) => leaf.replace("records 20", "records 19")],
    ["everything", () => "noise"],
  ])("14: a leaf's %s is edited", async (_, edit) => {
    const tampered = editLeaf(store, 2, edit);
    const { findings, checked } = await verifyFiles(tampered, { anchors: [anchorIn(store)] });
    expect(findings).toMatchObject([
      { code: "LEAF_MISMATCH", seq: 2, path: BUNDLE, offset: entryOffset(store, BUNDLE, 2) },
    ]);
    // nothing else is to blame, and the batches are still checked, this one by an older bundle
    expect(checked).toMatchObject({ batches: 6, records: 120 });
  });

  test("14: a leaf in a full bundle is edited: its batch is checked against the leaf it makes", async () => {
    const tampered = editEntries(tall, "tile/entries/000", (entries) =>
      entries.with(9, Buffer.from(entries[9]?.toString().replace(/sha256 ..../, "sha256 0000") ?? "")),
    );
    const { findings, checked } = await verifyFiles(tampered, { anchors: [anchorIn(tall)] });
    const offset = entryOffset(tall, "tile/entries/000", 9);
    expect(findings).toMatchObject([{ code: "LEAF_MISMATCH", seq: 9, path: "tile/entries/000", offset }]);
    expect(checked.batches).toBe(259);
  });

  test("14: an entry's length is altered", async () => {
    const offset = entryOffset(store, BUNDLE, 2);
    for (const tampered of [flip(store, BUNDLE, offset + 1), flip(store, BUNDLE, offset, 0x80)]) {
      expect(await findingsOf(tampered)).toMatchObject([{ code: "LEAF_MISMATCH", path: BUNDLE }]);
    }
  });

  test("15: entries of a bundle are reordered", async () => {
    const tampered = editEntries(store, BUNDLE, ([a, b, c, d, ...rest]) => [a, d, c, b, ...rest] as Buffer[]);
    expect(await findingsOf(tampered)).toMatchObject([
      {
        code: "BUNDLE_ORDER",
        seq: 1,
        path: BUNDLE,
        from: 1,
        to: 3,
        offset: entryOffset(tampered, BUNDLE, 3),
      },
      {
        code: "BUNDLE_ORDER",
        seq: 3,
        path: BUNDLE,
        from: 3,
        to: 1,
        offset: entryOffset(tampered, BUNDLE, 1),
      },
    ]);
  });

  test.each([0, 3, 6])("16: a surplus entry at place %i", async (place) => {
    const tampered = editEntries(store, BUNDLE, (entries) =>
      entries.toSpliced(place, 0, Buffer.from("more")),
    );
    const offset = entryOffset(tampered, BUNDLE, place);
    expect(await findingsOf(tampered)).toMatchObject([{ code: "BUNDLE_SURPLUS", path: BUNDLE, offset }]);
  });

  test("16: a copy of an entry, and bytes that are no entry", async () => {
    const copied = editEntries(store, BUNDLE, (entries) => [...entries, entries[2] as Buffer]);
    const length = bytesAt(store, BUNDLE).length;
    expect(await findingsOf(copied)).toMatchObject([
      { code: "BUNDLE_SURPLUS", path: BUNDLE, offset: length },
    ]);
    const trailing = change(store, BUNDLE, (bytes) => Buffer.concat([bytes, Buffer.from("x")]));
    expect(await findingsOf(trailing)).toMatchObject([
      { code: "BUNDLE_SURPLUS", path: BUNDLE, offset: length },
    ]);
  });

  test.each<[number, string, number]>([
    [17, "tile/0/000", 17],
    [1, "tile/0/001.p/3", 257],
    [0, "tile/1/000.p/1", -1],
  ])("17: slot %i of %s is flipped", async (slot, path, seq) => {
    const tampered = flip(tall, path, slot * 32 + 9);
    expect(places(await findingsOf(tampered, tall))).toEqual([
      { code: "TILE_ALTERED", ...(seq < 0 ? {} : { seq }), path, offset: slot * 32 },
    ]);
  });

  test.each(["tile/0/000", "tile/0/001.p/3", "tile/1/000.p/1", "tile/0/001.p/2", "tile/entries/001.p/1"])(
    "18: %s is missing",
    async (path) => {
      expect(places(await findingsOf(without(tall, path), tall))).toEqual([{ code: "TILE_MISSING", path }]);
    },
  );

  test("18: a tile is short", async () => {
    const tampered = change(tall, "tile/0/000", (bytes) => bytes.subarray(0, 1000));
    expect(places(await findingsOf(tampered, tall))).toEqual([
      { code: "TILE_MISSING", path: "tile/0/000", offset: 1000 },
    ]);
  });

  test("18: a bundle is short, and one is missing", async () => {
    const short = editEntries(store, BUNDLE, (entries) => entries.slice(0, 4));
    const offset = entryOffset(store, BUNDLE, 4);
    expect(await findingsOf(short)).toMatchObject([
      { code: "TILE_MISSING", seq: 4, from: 4, to: 5, path: BUNDLE, offset },
    ]);
    const { findings, checked } = await verifyFiles(without(tall, "tile/entries/000"), {
      anchors: [anchorIn(tall)],
    });
    expect(places(findings)).toEqual([{ code: "TILE_MISSING", path: "tile/entries/000" }]);
    expect(checked.batches).toBe(3);
  });

  test("19: a partial tile contradicts the one that replaced it", async () => {
    const tampered = flip(tall, "tile/0/001.p/2", 40);
    expect(places(await findingsOf(tampered, tall))).toEqual([
      { code: "TILE_CONFLICT", seq: 257, path: "tile/0/001.p/2", offset: 32 },
    ]);
    const stale = withFile(tall, "tile/0/000.p/7", Buffer.alloc(7 * 32));
    expect((await findingsOf(stale, tall))[0]).toMatchObject({
      code: "TILE_CONFLICT",
      path: "tile/0/000.p/7",
    });
    const bundle = flip(tall, "tile/entries/001.p/2", 100);
    expect(places(await findingsOf(bundle, tall))).toEqual([
      { code: "TILE_CONFLICT", seq: 256, path: "tile/entries/001.p/2", offset: 0 },
    ]);
  });

  test("20: a leaf's prev is edited, in the bundle alone", async () => {
    const tampered = editLeaf(store, 2, (leaf) => leaf.replace(/prev ..../, "prev 0000"));
    expect(await findingsOf(tampered)).toMatchObject([{ code: "LEAF_MISMATCH", seq: 2 }]);
  });

  test.each<[string, (leaf: ReturnType<typeof parseLeaf>) => object]>([
    ["prev", () => ({ prev: "00".repeat(32) })],
    ["seq", () => ({ seq: 9 })],
  ])("20: a log is signed whose %s is broken", async (_, edit) => {
    const batches = batchesOf(6, 20);
    const broken = await modelStore(batches, undefined, (leaf, seq) =>
      seq === 2 ? formatLeaf({ ...parseLeaf(leaf), ...edit(parseLeaf(leaf)) }) : leaf,
    );
    const findings = await findingsOf(broken, broken);
    expect(findings).toMatchObject([{ code: "CHAIN_BREAK", seq: 2 }]);
  });
});

describe("21-24: the checkpoint", () => {
  const note = (tampered: StoreFiles) => bytesAt(tampered, "checkpoint").toString();

  test("21: its root is edited", async () => {
    const tampered = withFile(
      store,
      "checkpoint",
      note(store).replace(/\n(.)([^\n]+\n\n)/, (_, a: string, b: string) => `\n${a === "A" ? "B" : "A"}${b}`),
    );
    expect(places(await findingsOf(tampered))).toEqual([{ code: "SIG_INVALID", path: "checkpoint" }]);
  });

  test("21: its size, its signature and its key id are edited", async () => {
    for (const tampered of [
      withFile(store, "checkpoint", note(store).replace("\n6\n", "\n7\n")),
      change(store, "checkpoint", (bytes) => {
        const at = bytes.lastIndexOf("/audit ") + 20;
        bytes[at] = bytes[at] === 0x41 ? 0x42 : 0x41;
        return bytes;
      }),
      change(store, "checkpoint", (bytes) => {
        const at = bytes.lastIndexOf("/audit ") + 7;
        bytes[at] = bytes[at] === 0x41 ? 0x42 : 0x41;
        return bytes;
      }),
    ]) {
      expect(places(await findingsOf(tampered))).toEqual([{ code: "SIG_INVALID", path: "checkpoint" }]);
    }
  });

  test("22: it is signed by an unknown key", async () => {
    const { text } = parseNote(bytesAt(store, "checkpoint"));
    const stranger = { ...modelSigner("fleet.internal/other") };
    const impostor = { ...stranger, key: { ...stranger.key, name: "fleet.internal/audit" } };
    const tampered = withFile(store, "checkpoint", await signNote(text, [impostor]));
    expect(places(await findingsOf(tampered))).toEqual([{ code: "KEY_UNKNOWN", path: "checkpoint" }]);
  });

  test.each<[string, (text: string) => string]>([
    ["a leading zero", (text) => text.replace("\n6\n", "\n06\n")],
    ["no blank line", (text) => text.replace("\n\n", "\n")],
    ["no final newline", (text) => text.trimEnd()],
    ["a carriage return", (text) => text.replace("\n", "\r\n")],
    ["an extension line", (text) => text.replace("\n\n", "\nmore\n\n")],
    ["nothing", () => ""],
    ["a root that is not canonical", (text) => text.replace("=\n\n", "\n\n")],
  ])("23: it is malformed: %s", async (_, edit) => {
    const tampered = withFile(store, "checkpoint", edit(note(store)));
    expect(places(await findingsOf(tampered))).toEqual([{ code: "NOTE_MALFORMED", path: "checkpoint" }]);
  });

  test("24: it is of another log, also where our key signed it", async () => {
    const other = await modelStore(batchesOf(6, 20), [modelSigner("fleet.internal/other")]);
    const replaced = withFile(store, "checkpoint", bytesAt(other, "checkpoint"));
    expect(places(await findingsOf(replaced))).toEqual([{ code: "ORIGIN_MISMATCH", path: "checkpoint" }]);
    const text = formatCheckpoint({
      ...parseCheckpoint(parseNote(bytesAt(store, "checkpoint")).text),
      origin: "other",
    });
    const signed = withFile(store, "checkpoint", await signNote(text, [modelSigner()]));
    expect(places(await findingsOf(signed))).toEqual([{ code: "ORIGIN_MISMATCH", path: "checkpoint" }]);
  });

  test("all checkpoints are missing, and an anchor says how many there were", async () => {
    const none = new Map([...store].filter(([path]) => !path.includes("checkpoint")));
    const { findings } = await verifyFiles(none, { anchors: [anchorIn(store)] });
    const sizes = Array.from({ length: anchorIn(store).size }, (_, i) => i + 1);
    expect(places(findings)).toEqual(
      ["checkpoint", ...sizes.map(checkpointPath)].map((path) => ({ code: "CHECKPOINT_MISSING", path })),
    );
    expect((await verifyFiles(store, { anchors: [anchorIn(store)] })).findings).toEqual([]);
  });

  test("a checkpoint of the past is missing, altered, or another's", async () => {
    expect(places(await findingsOf(without(store, "checkpoint")))).toEqual([
      { code: "CHECKPOINT_MISSING", path: "checkpoint" },
    ]);
    expect(places(await findingsOf(without(store, checkpointPath(3))))).toEqual([
      { code: "CHECKPOINT_MISSING", path: checkpointPath(3) },
    ]);
    const swapped = swapFiles(store, checkpointPath(2), checkpointPath(3));
    expect(places(await findingsOf(swapped))).toEqual([
      { code: "NOTE_MALFORMED", path: checkpointPath(2) },
      { code: "NOTE_MALFORMED", path: checkpointPath(3) },
    ]);
  });
});

describe("25-28: history", () => {
  test("25: an old checkpoint is replayed", async () => {
    const tampered = withFile(store, "checkpoint", bytesAt(store, checkpointPath(4)));
    expect(await findingsOf(tampered)).toMatchObject([{ code: "ROLLBACK", from: 4, to: 6 }]);
    // seen without an anchor too, since the store still has the later one
    const { findings } = await verifyFiles(tampered);
    expect(findings).toMatchObject([{ code: "ROLLBACK", from: 4, to: 6 }]);
  });

  test("25: also where its later checkpoints are removed", async () => {
    const tampered = without(
      withFile(store, "checkpoint", bytesAt(store, checkpointPath(4))),
      checkpointPath(5),
      checkpointPath(6),
    );
    const codes = (await findingsOf(tampered)).map(({ code }) => code);
    expect(codes).toContain("ROLLBACK");
  });

  test("26: the tail is cut off consistently", async () => {
    const cut = await modelStore(batchesOf(4, 20));
    expect(await findingsOf(cut)).toMatchObject([{ code: "TAIL_TRUNCATED", seq: 4, from: 4, to: 6 }]);
    // without an anchor it cannot be seen: that is what exit 3 is for
    const unanchored = await verifyFiles(cut);
    expect(unanchored).toMatchObject({ verdict: "unanchored", ok: false, findings: [] });
  });

  test("27: two roots of one size", async () => {
    const other = await modelStore(batchesOf(6, 21));
    const notes = [bytesAt(store, "checkpoint").toString(), bytesAt(other, "checkpoint").toString()];
    const inStore = withFile(store, checkpointPath(6), bytesAt(other, "checkpoint"));
    expect(await findingsOf(inStore)).toMatchObject([{ code: "EQUIVOCATION", path: "checkpoint", notes }]);
    const findings = await findingsOf(store, other);
    expect(findings).toMatchObject([{ code: "EQUIVOCATION", notes }, { code: "INCONSISTENT_WITH_ANCHOR" }]);
  });

  test("28: rewritten and signed again: the first leaf that differs, by the kept leaves", async () => {
    const kept: StoreFiles = new Map();
    expect(await verifyFiles(store, { kept })).toMatchObject({
      verdict: "unanchored",
      kept: { now: "saved" },
    });
    expect(await verifyFiles(store, { kept })).toMatchObject({ verdict: "intact", kept: { now: "same" } });
    for (const size of [6, 8, 5]) {
      const batches = batchesOf(size, 20);
      const rewritten = await modelStore(batches.with(2, { ...batches[2]!, data: Buffer.from("{}\n") }));
      const { findings } = await verifyFiles(rewritten, { kept });
      expect(findings).toContainEqual(expect.objectContaining({ code: "INCONSISTENT_WITH_ANCHOR", seq: 2 }));
      expect(findings.some(({ code }) => code === "TAIL_TRUNCATED")).toBe(size < 6);
      expect(findings.some(({ code }) => code === "EQUIVOCATION")).toBe(size >= 6);
    }
  });

  test("28: by checkpoints alone, between the last that holds and the first that does not", async () => {
    const batches = batchesOf(8, 20);
    const rewritten = await modelStore(batches.with(2, { ...batches[2]!, data: Buffer.from("{}\n") }));
    const anchors = [2, 3, 6].map((size) => anchorIn(store, checkpointPath(size)));
    const { findings } = await verifyFiles(rewritten, { anchors });
    const inconsistent = findings.filter(({ code }) => code === "INCONSISTENT_WITH_ANCHOR");
    expect(inconsistent).toMatchObject([{ seq: 2 }, { seq: 2 }]);
    const far = await verifyFiles(rewritten, { anchors: anchors.slice(2) });
    expect(far.findings).toContainEqual(
      expect.objectContaining({ code: "INCONSISTENT_WITH_ANCHOR", from: 0, to: 5 }),
    );
  });

  test("28: rewritten and signed again but for one checkpoint: what was signed again says nothing", async () => {
    const batches = batchesOf(11, 2);
    const original = await modelStore(batches.slice(0, 8));
    const forged = batches.map((batch, seq) => (seq < 5 ? batch : { ...batch, data: Buffer.from("{}\n") }));
    const left = checkpointPath(8);
    const rewritten = withFile(await modelStore(forged), left, bytesAt(original, left));
    const inconsistent = { code: "INCONSISTENT_WITH_ANCHOR", path: left };
    expect((await verifyFiles(rewritten)).findings).toMatchObject([{ ...inconsistent, from: 0, to: 7 }]);
    // an anchor that holds bounds it
    const asked = (size: number) => ({ anchors: [anchorIn(original, checkpointPath(size))] });
    expect((await verifyFiles(rewritten, asked(4))).findings).toMatchObject([
      { ...inconsistent, from: 4, to: 7 },
    ]);
    const kept: StoreFiles = new Map();
    await verifyFiles(original, { kept });
    expect((await verifyFiles(rewritten, { kept })).findings).toContainEqual(
      expect.objectContaining({ ...inconsistent, seq: 5 }),
    );
  });

  test("28: rewritten by someone without the key", async () => {
    const batches = batchesOf(6, 20);
    const rewritten = await modelStore(batches.with(2, { ...batches[2]!, data: Buffer.from("{}\n") }));
    for (const [path, note] of store) if (path.includes("checkpoint")) rewritten.set(path, note);
    const mismatch = (at: Partial<Finding>, hint = "") => [
      { code: "LEAF_MISMATCH", ...at, detail: expect.stringMatching(new RegExp(`${hint}$`)) as string },
    ];
    const own = " \\(leaf 2, if the store's own checkpoints were not signed anew\\)";
    expect(await findingsOf(rewritten)).toMatchObject(mismatch({ from: 0, to: 5 }, own));
    const anchors = [2, 3, 6].map((size) => anchorIn(store, checkpointPath(size)));
    expect(
      (await verifyFiles(rewritten, { anchors })).findings.filter(({ code }) => code === "LEAF_MISMATCH"),
    ).toMatchObject(mismatch({ seq: 2 }, "is leaf 2"));
    const kept: StoreFiles = new Map();
    await verifyFiles(store, { kept });
    expect((await verifyFiles(rewritten, { kept })).findings).toContainEqual(
      expect.objectContaining(mismatch({ seq: 2 }, "is leaf 2")[0]),
    );
  });

  test("28: rewritten and signed again below a checkpoint that was not: no leaf is named by what was", async () => {
    const batches = batchesOf(6, 20);
    const forged = batches.map((batch, seq) => (seq < 2 ? batch : { ...batch, data: Buffer.from("{}\n") }));
    const rewritten = await modelStore(forged);
    for (const path of ["checkpoint", checkpointPath(6)]) rewritten.set(path, bytesAt(store, path));
    expect(await findingsOf(rewritten)).toMatchObject([{ code: "LEAF_MISMATCH", from: 0, to: 5 }]);
    for (const [sizes, from, to] of [
      [[6, 4], 0, 3],
      [[6, 2], 2, 5],
      [[4, 1], 1, 3],
    ] as const) {
      const anchors = sizes.map((size) => anchorIn(store, checkpointPath(size)));
      const { findings } = await verifyFiles(rewritten, { anchors });
      const placed = findings.filter(({ code }) => code !== "EQUIVOCATION");
      expect(placed).toContainEqual(expect.objectContaining({ code: "LEAF_MISMATCH", from, to }));
      // whatever names the first leaf that differs names the same
      for (const finding of placed)
        expect([finding.seq, finding.from, finding.to]).toEqual([undefined, from, to]);
    }
  });

  test("28: a checkpoint that was signed to mislead bounds nothing", async () => {
    const batches = batchesOf(6, 20);
    const rewritten = await modelStore(batches.with(4, { ...batches[4]!, data: Buffer.from("{}\n") }));
    const decoy = await modelStore(batchesOf(1, 3));
    rewritten.set(checkpointPath(1), bytesAt(decoy, checkpointPath(1)));
    const anchors = [4, 6].map((size) => anchorIn(store, checkpointPath(size)));
    const { findings } = await verifyFiles(rewritten, { anchors });
    const ofAnchor = findings.filter(({ path }) => path === "anchor.txt");
    expect(ofAnchor).toMatchObject([{ code: "INCONSISTENT_WITH_ANCHOR", from: 4, to: 5 }]);
  });
});

describe("several faults in one tree", () => {
  const leafNoise = (tampered: StoreFiles, seqs: readonly number[]) =>
    editEntries(tampered, BUNDLE, (entries) =>
      entries.map((entry, seq) => (seqs.includes(seq) ? Buffer.from(`noise ${seq}`) : entry)),
    );

  test("leaves and tiles are damaged: the signed root tells which", async () => {
    const tampered = [0, 5].reduce((s, slot) => flip(s, TILE, slot * 32), leafNoise(store, [1, 2, 4]));
    expect((await findingsOf(tampered)).map(({ code, seq }) => [code, seq])).toEqual([
      ["TILE_ALTERED", 0],
      ["LEAF_MISMATCH", 1],
      ["LEAF_MISMATCH", 2],
      ["LEAF_MISMATCH", 4],
      ["TILE_ALTERED", 5],
    ]);
  });

  test("at every level at once", async () => {
    const damaged = editEntries(tall, "tile/entries/000", (entries) => entries.with(9, Buffer.from("noise")));
    const tampered = flip(
      flip(flip(damaged, "tile/0/000", 20 * 32), "tile/1/000.p/1", 3),
      "tile/0/001.p/3",
      70,
    );
    expect((await findingsOf(tampered, tall)).map(({ code, path, seq }) => [code, path, seq])).toEqual([
      ["TILE_ALTERED", "tile/1/000.p/1", undefined],
      ["LEAF_MISMATCH", "tile/entries/000", 9],
      ["TILE_ALTERED", "tile/0/000", 20],
      ["TILE_ALTERED", "tile/0/001.p/3", 258],
    ]);
  });

  test("too many to find the signed hashes again: still altered, still with places", async () => {
    const leaves = Array.from({ length: 40 }, (_, i) => i);
    const noise = editEntries(tall, "tile/entries/000", (entries) =>
      entries.map((entry, i) => (leaves.includes(i) ? Buffer.from(`noise ${i}`) : entry)),
    );
    const tampered = leaves.reduce((s, i) => flip(s, "tile/0/000", (100 + i) * 32), noise);
    const findings = await findingsOf(tampered, tall);
    expect(findings.map(({ seq }) => seq)).toEqual(
      expect.arrayContaining([...leaves, ...leaves.map((i) => 100 + i)]),
    );
  });

  test("a tile and its bundle are both gone", async () => {
    const findings = await findingsOf(without(tall, "tile/0/000", "tile/entries/000"), tall);
    expect(places(findings)).toEqual(
      expect.arrayContaining([
        { code: "TILE_MISSING", path: "tile/0/000" },
        { code: "TILE_MISSING", path: "tile/entries/000" },
      ]),
    );
  });
});

describe("a dishonest signer, and two logs in one trust file", () => {
  test("the signed root over the records is not theirs", async () => {
    const broken = await modelStore(batchesOf(4, 5), undefined, (leaf, seq) =>
      seq === 1 ? formatLeaf({ ...parseLeaf(leaf), root: Buffer.alloc(32) }) : leaf,
    );
    expect(await findingsOf(broken, broken)).toMatchObject([{ code: "LEAF_MALFORMED", seq: 1 }]);
  });

  test("a leaf is no leaf", async () => {
    const broken = await modelStore(batchesOf(4, 5), undefined, (leaf, seq) =>
      seq === 1 ? Buffer.from("rubbish") : leaf,
    );
    expect((await findingsOf(broken, broken))[0]).toMatchObject({ code: "LEAF_MALFORMED", seq: 1 });
  });

  test("only the newest checkpoint is signed again over a rewritten log", async () => {
    const batches = batchesOf(6, 20);
    const rewritten = await modelStore(batches.with(2, { ...batches[2]!, data: Buffer.from("{}\n") }));
    for (const size of [1, 2, 3, 4, 5])
      rewritten.set(checkpointPath(size), bytesAt(store, checkpointPath(size)));
    const { findings } = await verifyFiles(rewritten);
    const detail = expect.stringContaining("leaves 0 to 2 (leaf 2, if") as string;
    const found = { code: "INCONSISTENT_WITH_ANCHOR", path: checkpointPath(3) };
    expect(findings).toMatchObject([{ ...found, from: 0, to: 2, detail }]);
    const anchors = [anchorIn(store, checkpointPath(2))];
    expect((await verifyFiles(rewritten, { anchors })).findings).toMatchObject([{ ...found, seq: 2 }]);
  });

  test("a checkpoint of the other trusted log stands among ours", async () => {
    const other = modelSigner("fleet.internal/other");
    const foreign = await modelStore(batchesOf(3, 2), [other]);
    const tampered = withFile(store, checkpointPath(3), bytesAt(foreign, "checkpoint"));
    const { findings } = await verifyFiles(tampered, { trust: trustIn(modelSigner(), other) });
    expect(places(findings)).toEqual([{ code: "ORIGIN_MISMATCH", path: checkpointPath(3) }]);
  });
});

test("without the trees over the records, a sidecar's length is still compared", async () => {
  const tampered = change(store, HASHES, (bytes) => bytes.subarray(0, 100));
  const shallow = await verifyFiles(tampered, { deepUpTo: 10 });
  expect(places(shallow.findings)).toEqual([
    { code: "SIDECAR_ALTERED", seq: SEQ, offset: 100, path: HASHES },
  ]);
  const unseen = await verifyFiles(flip(store, HASHES, 5), { deepUpTo: 10 });
  expect(unseen).toMatchObject({ verdict: "unanchored", checked: { deep: false } });
});

describe("29, 30: keys", () => {
  const [old, next] = [modelSigner(), modelSigner(undefined, "next")];
  const record = (leads: LogSigner, size = 4) =>
    formatRotation(
      {
        origin: old.key.name,
        size,
        previous: [formatVerifierKey(old.key)],
        next: [formatVerifierKey(leads.key)],
      },
      NOW * 1000,
    );
  /** A log of 6 batches whose fourth one says that the key changes, and who signs each size. */
  const rotatedStore = async (
    signersOf: (size: number) => readonly LogSigner[],
    said = record(next),
  ): Promise<StoreFiles> => {
    const batches = batchesOf(6, 2);
    const files = await modelStore(batches.with(3, { ...batches[3]!, data: said }));
    for (const path of [...files.keys()].filter((name) => name.includes("checkpoint"))) {
      const { text } = parseNote(bytesAt(files, path));
      files.set(path, Buffer.from(await signNote(text, signersOf(parseCheckpoint(text).size))));
    }
    return files;
  };
  const handover = (size: number) => (size < 4 ? [old] : size === 4 ? [old, next] : [next]);
  const trustOf = (...lines: string[]) => parseTrust(Buffer.from(lines.join("\n")), "trust");
  const [oldKey, nextKey] = [formatVerifierKey(old.key), formatVerifierKey(next.key)];
  const ranged = trustOf(`${oldKey} 1-4`, `${nextKey} 4-`);
  const both = trustOf(oldKey, nextKey);
  const codesOf = async (files: StoreFiles, trust: Trust) =>
    places((await verifyFiles(files, { trust, allowUnanchored: true })).findings).map(
      ({ code, seq, path }) => ({ code, seq, path }),
    );

  test("the control: a change that both keys signed", async () => {
    const good = await rotatedStore(handover);
    for (const trust of [ranged, both]) {
      expect(await verifyFiles(good, { trust, allowUnanchored: true })).toMatchObject({
        ok: true,
        findings: [],
      });
    }
  });

  const invalid = { code: "KEY_ROTATION_INVALID", seq: 3, path: checkpointPath(4) };

  test("29: the new key signs without the old one", async () => {
    const unsigned = await rotatedStore((size) => (size < 4 ? [old] : [next]));
    expect(await codesOf(unsigned, trustOf(oldKey, nextKey))).toEqual([invalid]);
    expect(await codesOf(unsigned, ranged)).toEqual([invalid]);
    expect(await codesOf(unsigned, trustOf(`${oldKey} 1-3`, `${nextKey} 4-`))).toEqual([invalid]);
  });

  test("29: both keys sign, but no leaf says so, or it says another key or size", async () => {
    for (const said of ["{}\n", '{"alert":"key_rotation"}\n', record(old), record(next, 3), "not JSON\n"]) {
      const changed = await rotatedStore(handover, Buffer.from(said));
      for (const trust of [ranged, both]) expect(await codesOf(changed, trust)).toEqual([invalid]);
    }
  });

  test("29: the new key did not sign the checkpoint of the change", async () => {
    const late = await rotatedStore((size) => (size < 5 ? [old] : size === 5 ? [old, next] : [next]));
    expect(await codesOf(late, trustOf(`${oldKey} 1-5`, `${nextKey} 4-`))).toEqual([
      invalid,
      { code: "KEY_ROTATION_INVALID", seq: 4, path: checkpointPath(5) },
    ]);
  });

  test("29: what is missing of a change is told, and not the change that it was to establish", async () => {
    const good = await rotatedStore(handover);
    const [note, said] = [checkpointPath(4), batchPath(3)];
    for (const trust of [ranged, both]) {
      for (const [files, found] of [
        [without(good, note), { code: "CHECKPOINT_MISSING", path: note }],
        [withFile(good, note, "noise"), { code: "NOTE_MALFORMED", path: note }],
        [without(good, said), { code: "BATCH_MISSING", seq: 3, path: said }],
      ] as const) {
        expect(await codesOf(files, trust)).toEqual([found]);
        // the same where that batch is not to be read
        const since = 1_763_850_330;
        expect(places((await verifyFiles(files, { trust, since })).findings)).toEqual([found]);
      }
      for (const unreadable of [note, said]) {
        const verdict = await verifyFiles(good, { trust, unreadable, allowUnanchored: true });
        expect(verdict).toMatchObject({ ok: false, verdict: "not-established", findings: [] });
      }
    }
  });

  test("29: a batch of a change that was altered since is told, and not the change", async () => {
    const good = await rotatedStore(handover);
    const unsaid = await rotatedStore(handover, Buffer.from("{}\n"));
    const said = batchPath(3);
    const more = (bytes: Buffer) => Buffer.concat([bytes, Buffer.from("x")]);
    for (const trust of [ranged, both]) {
      const altered = flip(good, said, bytesAt(good, said).indexOf("previous_keys"));
      expect(await codesOf(altered, trust)).toEqual([{ code: "RECORD_ALTERED", seq: 3, path: said }]);
      expect(await codesOf(change(good, said, more), trust)).toEqual([
        { code: "TRAILING_DATA", seq: 3, path: said },
      ]);
      // where that batch is not to be compared, nothing else tells
      const since = 1_763_850_330;
      const { findings } = await verifyFiles(altered, { trust, since });
      expect(places(findings)).toEqual([invalid]);
      // what was signed is no change, whatever follows it
      expect(await codesOf(change(unsaid, said, more), trust)).toEqual([
        invalid,
        { code: "TRAILING_DATA", seq: 3, path: said },
      ]);
      const forged = withFile(unsaid, said, bytesAt(good, said));
      expect((await codesOf(forged, trust)).map(({ seq }) => seq)).toContain(3);
    }
  });

  test("30: a key signs outside its range, alone or beside another", async () => {
    const early = trustOf(`${oldKey} 1-4`, `${nextKey} 5-`);
    expect(await codesOf(await rotatedStore(handover), early)).toMatchObject([
      { code: "KEY_OUT_OF_RANGE", path: checkpointPath(4) },
      { code: "KEY_ROTATION_INVALID", seq: 4, path: checkpointPath(5) },
    ]);
    const again = await rotatedStore((size) => (size < 6 ? handover(size) : [old]));
    const found = await codesOf(again, ranged);
    expect(found).toContainEqual({ code: "KEY_OUT_OF_RANGE", seq: undefined, path: checkpointPath(6) });
    expect(found).toContainEqual({ code: "KEY_OUT_OF_RANGE", seq: undefined, path: "checkpoint" });
    const beside = await rotatedStore((size) => (size < 6 ? handover(size) : [old, next]));
    expect(await codesOf(beside, ranged)).toEqual([
      { code: "KEY_OUT_OF_RANGE", seq: undefined, path: "checkpoint" },
    ]);
    // without ranges, a retired key that comes back is a change that nobody agreed to
    expect(await codesOf(again, both)).toEqual([
      { code: "KEY_ROTATION_INVALID", seq: 5, path: checkpointPath(6) },
    ]);
  });
});

describe("26: a log that is shorter than the trust file's ranges say", () => {
  const [old, next] = [modelSigner(), modelSigner(undefined, "next")];
  const trustOf = (...lines: string[]) => parseTrust(Buffer.from(lines.join("\n")), "trust");
  const [oldKey, nextKey] = [formatVerifierKey(old.key), formatVerifierKey(next.key)];
  const maxAge = NOW - 1_763_850_000;
  const shorter = (from: number, to: number) => ({
    code: "TAIL_TRUNCATED",
    seq: from,
    from,
    to,
    detail: expect.stringContaining(`ends at size ${from}, and by the trust file it had at least ${to}`),
  });

  test("whoever has a retired key makes no log that counts, and nothing is kept of it", async () => {
    const kept: StoreFiles = new Map();
    const forged = await modelStore(batchesOf(3, 2), [old]);
    const trust = trustOf(`${oldKey} 1-4`, `${nextKey} 4-`);
    const verdict = await verifyFiles(forged, { trust, maxAge, allKeys: true, kept, allowUnanchored: true });
    expect(verdict).toMatchObject({ ok: false, verdict: "altered", findings: [shorter(3, 4)] });
    expect([...kept.keys()]).toEqual([]);
    // the control: a key that is in use signed the same
    const own = await modelStore(batchesOf(3, 2), [old]);
    expect(await verifyFiles(own, { trust: trustOf(oldKey, `${nextKey} 1-`), maxAge, kept })).toMatchObject({
      verdict: "intact",
      findings: [],
    });
    expect(kept.size).toBeGreaterThan(0);
  });

  test("a key that was retired beside others, or is not yet followed, tells so too", async () => {
    const forged = await modelStore(batchesOf(3, 2), [old]);
    for (const lines of [[`${oldKey} 1-4`], [`${oldKey} 1-4`, nextKey]]) {
      const { findings } = await verifyFiles(forged, { trust: trustOf(...lines) });
      expect(findings).toMatchObject([shorter(3, 4)]);
    }
    const another = formatVerifierKey(modelSigner("other.example/log").key);
    const trust = trustOf(oldKey, `${another} 9-`);
    expect(await verifyFiles(forged, { trust, maxAge })).toMatchObject({ verdict: "intact" });
  });

  test("a longer truncation that an anchor shows is told once; of an empty store it is told", async () => {
    const trust = trustOf(`${oldKey} 1-4`, `${nextKey} 4-`);
    const six = await modelStore(batchesOf(6, 2), [old, next]);
    const anchor = anchorIn(six, "checkpoint", trustOf(oldKey, nextKey));
    const cut = await modelStore(batchesOf(3, 2), [old]);
    expect((await verifyFiles(cut, { trust, anchors: [anchor] })).findings).toMatchObject([
      { code: "TAIL_TRUNCATED", from: 3, to: 6 },
    ]);
    expect((await verifyFiles(new Map(), { trust })).findings).toMatchObject([
      { code: "LOG_EMPTY" },
      shorter(0, 4),
    ]);
  });

  test("the age anchors nothing where retired keys alone signed the newest checkpoint", async () => {
    const forged = await modelStore(batchesOf(4, 2), [old]);
    const kept: StoreFiles = new Map();
    const trust = trustOf(`${oldKey} 1-4`, nextKey);
    const asked = { trust, maxAge, kept, allowUnanchored: true };
    const verdict = await verifyFiles(forged, asked);
    expect(verdict).toMatchObject({ ok: false, verdict: "not-established", anchors: [], findings: [] });
    expect(verdict.unestablished).toEqual([expect.stringContaining("signed by retired keys alone")]);
    const plain = await verifyFiles(forged, { trust, kept, allowUnanchored: true });
    expect(plain).toMatchObject({ ok: false, verdict: "not-established" });
    expect([...kept.keys()]).toEqual([]);
    const honest = await modelStore(batchesOf(4, 2), [old, next]);
    expect(await verifyFiles(honest, asked)).toMatchObject({ verdict: "intact", anchors: [{ kind: "age" }] });
    // what else is an anchor stays one
    const anchors = [anchorIn(forged)];
    expect(await verifyFiles(forged, { trust, anchors, maxAge })).toMatchObject({
      verdict: "intact",
      anchors: [{ kind: "file" }],
    });
  });

  test("what a retired key alone vouches for beyond the largest anchor is not established, and not kept", async () => {
    const own = batchesOf(4, 2);
    const genuine = await modelStore(own, [old]);
    const forgery = own.map((batch, seq) => (seq < 2 ? batch : { ...batch, data: Buffer.from("{}\n") }));
    const forged = await modelStore(forgery, [old]);
    const small = [anchorIn(genuine, checkpointPath(2))];
    const keptSmall: StoreFiles = new Map();
    await verifyFiles(await modelStore(own.slice(0, 2), [old]), { kept: keptSmall });
    const witnesses = [`log ${oldKey} 1-4`, `log ${nextKey}`, witnessLine("a"), "quorum a"];
    const cosigned = cosignedBy(await modelStore(own.slice(0, 2), [old]), ["a", NOW]);
    const doubt = /signed by retired keys alone .* vouches for batches 2 to 3\. It takes an anchor of size 4/;
    for (const [files, asked] of [
      [forged, { trust: trustOf(`${oldKey} 1-4`, nextKey), anchors: small }],
      [forged, { trust: trustOf(`${oldKey} 1-4`), anchors: small, maxAge }],
      [forged, { trust: trustOf(`${oldKey} 1-4`, nextKey), kept: keptSmall }],
      [
        withFile(forged, "fleetsec/cosigned", bytesAt(cosigned, "checkpoint")),
        { trust: trustOf(...witnesses) },
      ],
    ] as const) {
      const kept: StoreFiles = new Map("kept" in asked ? asked.kept : []);
      const before = new Map(kept);
      const verdict = await verifyFiles(files, { ...asked, kept, allowUnanchored: true });
      expect(verdict).toMatchObject({ ok: false, verdict: "not-established", anchors: [{ size: 2 }] });
      expect(verdict.unestablished).toEqual([expect.stringMatching(doubt)]);
      expect(kept).toEqual(before);
    }
    const last = await verifyFiles(forged, {
      trust: trustOf(`${oldKey} 1-4`),
      anchors: [anchorIn(forged, checkpointPath(3))],
    });
    expect(last.unestablished).toEqual([expect.stringContaining("vouches for batch 3.")]);
  });

  test("the control: an anchor of its size, or a key that is in use, vouches for all of it", async () => {
    const log = await modelStore(batchesOf(4, 2), [old]);
    const small = anchorIn(log, checkpointPath(2));
    const trust = trustOf(`${oldKey} 1-4`, nextKey);
    const cosigned = cosignedBy(log, ["a", NOW]);
    const policy = trustOf(`log ${oldKey} 1-4`, `log ${nextKey}`, witnessLine("a"), "quorum a");
    const handedOver = await modelStore(batchesOf(4, 2), [old, next]);
    for (const [files, asked] of [
      [log, { trust, anchors: [small, anchorIn(log)] }],
      [cosigned, { trust: policy, anchors: [small] }],
      [handedOver, { trust, anchors: [small] }],
      [log, { trust: trustOf(oldKey, nextKey), anchors: [small] }],
      [log, { trust: trustOf(`${oldKey} 1-`, nextKey), anchors: [small] }],
    ] as const) {
      const kept: StoreFiles = new Map();
      const verdict = await verifyFiles(files, { ...asked, kept });
      expect(verdict).toMatchObject({ ok: true, verdict: "intact", findings: [], kept: { now: "saved" } });
    }
    // once it is kept, it is the anchor
    const kept: StoreFiles = new Map();
    await verifyFiles(log, { trust: trustOf(oldKey), kept });
    expect(await verifyFiles(log, { trust, kept })).toMatchObject({
      verdict: "intact",
      anchors: [{ kind: "kept", size: 4 }],
    });
  });
});

describe("33, 34: time", () => {
  test("33: a batch is backdated", async () => {
    const batches = batchesOf(6, 20);
    const backdated = await modelStore(
      batches.with(3, { ...batches[3]!, from: 1_763_840_000, to: 1_763_840_060 }),
    );
    expect(await findingsOf(backdated, backdated)).toMatchObject([{ code: "TIME_REGRESSION", seq: 3 }]);
  });

  test("34: the newest batch is older than allowed; young enough, it is an anchor", async () => {
    const age = NOW - (1_763_850_000 + 6 * 60);
    expect((await verifyFiles(store, { maxAge: age - 1 })).findings).toMatchObject([{ code: "GAP", seq: 5 }]);
    expect(await verifyFiles(store, { maxAge: age })).toMatchObject({
      verdict: "intact",
      anchors: [{ kind: "age" }],
    });
  });

  test("34: heartbeats are missing, before a batch and before an empty one", async () => {
    const beat = (minute: number, text = ""): ModelBatch => {
      const to = NOW - 3600 + minute * 60;
      return { data: Buffer.from(text), from: to, to };
    };
    const log = [
      beat(-600, "quiet nights are no gaps\n"),
      beat(0),
      beat(5, "a\n"),
      beat(10),
      beat(15),
      beat(20, "b\n"),
    ];
    const complete = await modelStore(log);
    expect(await verifyFiles(complete, { maxAge: 2400 })).toMatchObject({ verdict: "intact", findings: [] });
    const request = { anchors: [anchorIn(complete)], maxAge: 2400 };
    for (const late of [beat(46), beat(46, "c\n")]) {
      const { findings, ok } = await verifyFiles(await modelStore([...log, late, beat(50)]), request);
      expect(findings).toMatchObject([]);
      expect(ok).toBe(true);
    }
    for (const late of [beat(61), beat(61, "c\n")]) {
      const { findings } = await verifyFiles(await modelStore([...log, late]), { ...request, maxAge: 2459 });
      expect(findings).toMatchObject([{ code: "GAP", seq: 6 }]);
      // who does not demand heartbeats is not told of them, and a log that never had any owes none
      expect(
        (await verifyFiles(await modelStore([...log, late]), { ...request, maxAge: undefined })).findings,
      ).toEqual([]);
      const busy = log.map((batch) => ({ ...batch, data: Buffer.from("x\n") }));
      expect((await verifyFiles(await modelStore([...busy, late]), { maxAge: 2459 })).findings).toEqual([]);
    }
  });

  test("34: a batch of the future is young for as long as one likes, and so no anchor", async () => {
    const batches = batchesOf(6, 20);
    const last = (to: number) => modelStore(batches.with(5, { ...batches[5]!, to }));
    expect(await verifyFiles(await last(NOW + 300), { maxAge: 60 })).toMatchObject({ verdict: "intact" });
    const future = await verifyFiles(await last(NOW + 301), { maxAge: 60 });
    expect(future).toMatchObject({ verdict: "altered", anchors: [] });
    expect(future.findings).toMatchObject([{ code: "TIME_ANOMALY", seq: 5 }]);
  });
});

describe("38, 39: what does not belong, and nothing", () => {
  test.each([
    "README",
    "tile/0/000.p/300",
    "tile/0/1",
    "fleetsec/batch/03.jsonl",
    "fleetsec/batch/003.jsonl.bak",
    "fleetsec/checkpoint/06",
    "a/b/c",
  ])("38: a stray file %s", async (path) => {
    const findings = await findingsOf(withFile(store, path, "x"));
    expect(findings).toMatchObject([{ code: "UNEXPECTED_FILE" }]);
    expect(path.startsWith(findings[0]?.path ?? "?")).toBe(true);
  });

  test("38: tiles beyond the tree", async () => {
    const tampered = withFile(
      withFile(store, "tile/0/000.p/7", Buffer.alloc(7 * 32)),
      "tile/3/000.p/1",
      Buffer.alloc(32),
    );
    expect(places(await findingsOf(tampered))).toEqual([
      { code: "UNEXPECTED_FILE", path: "tile/0/000.p/7" },
      { code: "UNEXPECTED_FILE", path: "tile/3/000.p/1" },
    ]);
  });

  test("38: a signed checkpoint of a log without a leaf, beside those of its sizes", async () => {
    const { EMPTY_ROOT } = await import("../../../src/logs/merkle.ts");
    const text = formatCheckpoint({ origin: "fleet.internal/audit", size: 0, root: EMPTY_ROOT });
    const path = "fleetsec/checkpoint/0";
    const added = withFile(store, path, Buffer.from(await signNote(text, [modelSigner()])));
    expect(await findingsOf(added)).toMatchObject([{ code: "UNEXPECTED_FILE", path }]);
  });

  test("39: nothing is left", async () => {
    const nothing: StoreFiles = new Map([["README", Buffer.from("moved")]]);
    const { findings, ok } = await verifyFiles(nothing, { anchors: [anchorIn(store)] });
    expect(ok).toBe(false);
    expect(findings).toMatchObject([
      { code: "LOG_EMPTY" },
      { code: "TAIL_TRUNCATED", from: 0, to: 6 },
      { code: "UNEXPECTED_FILE", path: "README" },
    ]);
  });

  test("39: a signed log without a batch", async () => {
    const text = formatCheckpoint({
      origin: "fleet.internal/audit",
      size: 0,
      root: (await import("../../../src/logs/merkle.ts")).EMPTY_ROOT,
    });
    const empty: StoreFiles = new Map([["checkpoint", Buffer.from(await signNote(text, [modelSigner()]))]]);
    expect((await verifyFiles(empty)).findings).toMatchObject([{ code: "LOG_EMPTY" }]);
  });
});

test("all faults of a store in one run", async () => {
  const tampered = [
    (s: StoreFiles) => flip(s, batchPath(0), offsetOf(s, batchPath(0), 2) + 9),
    (s: StoreFiles) => editLines(s, batchPath(1), (lines) => lines.toSpliced(4, 1).toSpliced(10, 0, "{}\n")),
    (s: StoreFiles) =>
      change(s, batchPath(2), (bytes) =>
        Buffer.concat([flip(s, batchPath(2), 3).get(batchPath(2))!, Buffer.from("xx"), bytes.subarray(0, 0)]),
      ),
    (s: StoreFiles) => without(s, batchPath(3)),
    (s: StoreFiles) => flip(s, hashesPath(4), 5),
    (s: StoreFiles) => editEntries(s, BUNDLE, (entries) => entries.with(5, Buffer.from("noise"))),
    (s: StoreFiles) => flip(s, TILE, 33),
    (s: StoreFiles) => withFile(s, "checkpoint", bytesAt(s, checkpointPath(5))),
    (s: StoreFiles) => withFile(s, "stray", "x"),
    (s: StoreFiles) => withFile(s, batchPath(9), "x"),
  ].reduce((s, edit) => edit(s), store);
  expect((await findingsOf(tampered)).map(({ code, seq, line }) => [code, seq, line])).toEqual([
    ["ROLLBACK", undefined, undefined],
    ["TILE_ALTERED", 1, undefined],
    ["LEAF_MISMATCH", 5, undefined],
    ["RECORD_ALTERED", 0, 2],
    ["RECORD_DELETED", 1, 5],
    ["RECORD_INSERTED", 1, 11],
    ["RECORD_ALTERED", 2, 1],
    ["TRAILING_DATA", 2, 21],
    ["BATCH_MISSING", 3, undefined],
    ["SIDECAR_ALTERED", 4, 1],
    ["BATCH_UNSIGNED", 9, undefined],
    ["UNEXPECTED_FILE", undefined, undefined],
  ]);
});

test("a key file of another log says so", async () => {
  const trust = trustIn(modelSigner("fleet.internal/other"));
  const { findings } = await verifyFiles(store, { trust });
  expect(findings.map(({ code }) => code)).toEqual(Array.from({ length: 7 }, () => "ORIGIN_MISMATCH"));
});
