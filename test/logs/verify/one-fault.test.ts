import { beforeAll, describe, expect, test } from "vitest";
import { modelStore, type StoreFiles } from "../store-model.ts";
import { bytesAt, change, editEntries, flip, withFile, without } from "./tamper.ts";
import { anchorIn, batchesOf, verifyFiles } from "./verifying.ts";

/** What is done to one file is told once, wherever that file is in the tree. */

let small: StoreFiles;
let tall: StoreFiles;
beforeAll(async () => {
  small = await modelStore(batchesOf(6, 3));
  tall = await modelStore(batchesOf(259, 1));
});

const at = (bytes: Buffer, entry: number) => entry * (bytes.readUInt16BE(0) + 2);
const splice = (bytes: Buffer, from: number, to: number, insert: Uint8Array = Buffer.of()) =>
  Buffer.concat([bytes.subarray(0, from), insert, bytes.subarray(to)]);

const BUNDLE_FAULTS: readonly [string, string, (bytes: Buffer) => Buffer][] = [
  ["a byte of a leaf is flipped", "LEAF_MISMATCH", (b) => xor(b, at(b, 1) + 40, 1)],
  ["the number in a leaf is another", "LEAF_MISMATCH", (b) => xor(b, b.indexOf("seq ", at(b, 1)) + 4, 1)],
  ["a leaf's prev is another", "LEAF_MISMATCH", (b) => xor(b, at(b, 2) - 3, 1)],
  ["a leaf is none any more", "LEAF_MISMATCH", (b) => xor(b, at(b, 1) + 3, 1)],
  ["the last byte is flipped", "LEAF_MISMATCH", (b) => xor(b, b.length - 1, 1)],
  ["a length is far too large", "LEAF_MISMATCH", (b) => xor(b, at(b, 1), 0x80)],
  ["a length is one more or less", "LEAF_MISMATCH", (b) => xor(b, at(b, 1) + 1, 1)],
  ["a length is 0", "LEAF_MISMATCH", (b) => xor(b, at(b, 1) + 1, b[at(b, 1) + 1] ?? 0)],
  [
    "a byte is put into a leaf",
    "LEAF_MISMATCH",
    (b) => splice(b, at(b, 1) + 30, at(b, 1) + 30, Buffer.of(65)),
  ],
  ["a byte is taken out of a leaf", "LEAF_MISMATCH", (b) => splice(b, at(b, 1) + 30, at(b, 1) + 31)],
  ["a byte is taken out of a length", "LEAF_MISMATCH", (b) => splice(b, at(b, 1), at(b, 1) + 1)],
  [
    "a leaf is taken out",
    "TILE_MISSING",
    (b) => splice(b, at(b, 1), at(b, 1) + 2 + b.readUInt16BE(at(b, 1))),
  ],
  ["it is cut within a leaf", "TILE_MISSING", (b) => b.subarray(0, at(b, 1) + 100)],
  ["it is cut within a length", "TILE_MISSING", (b) => b.subarray(0, at(b, 1) + 1)],
  ["it is cut between leaves", "TILE_MISSING", (b) => b.subarray(0, at(b, 1))],
  ["it is empty", "TILE_MISSING", () => Buffer.of()],
  ["a byte follows", "BUNDLE_SURPLUS", (b) => Buffer.concat([b, Buffer.of(1)])],
  ["50 zeros follow", "BUNDLE_SURPLUS", (b) => Buffer.concat([b, Buffer.alloc(50)])],
  ["a million zeros follow", "BUNDLE_SURPLUS", (b) => Buffer.concat([b, Buffer.alloc(1_000_000)])],
  ["it is all zeros", "LEAF_MISMATCH", (b) => Buffer.alloc(b.length)],
  ["it is noise", "LEAF_MISMATCH", (b) => Buffer.alloc(b.length, 0x37)],
  ["it is longer noise", "LEAF_MISMATCH", (b) => Buffer.alloc(4 * b.length, 0x01)],
];

function xor(bytes: Buffer, offset: number, mask: number): Buffer {
  bytes[offset] = (bytes[offset] as number) ^ mask;
  return bytes;
}

async function findingsOf(tampered: StoreFiles, original: StoreFiles) {
  const { findings, ok } = await verifyFiles(tampered, { anchors: [anchorIn(original)] });
  expect(ok).toBe(false);
  return findings;
}

describe.each<[string, () => StoreFiles, string]>([
  ["the newest bundle, of a log of 6", () => small, "tile/entries/000.p/6"],
  ["a full bundle", () => tall, "tile/entries/000"],
  ["the newest bundle, behind a full one", () => tall, "tile/entries/001.p/3"],
])("%s", (_, log, path) => {
  test.each(BUNDLE_FAULTS)("%s", async (__, code, edit) => {
    expect(edit(Buffer.from(bytesAt(log(), path))).equals(bytesAt(log(), path))).toBe(false);
    const findings = await findingsOf(change(log(), path, edit), log());
    expect(findings).toMatchObject([{ code, path }]);
  });

  test("it is missing", async () => {
    expect(await findingsOf(without(log(), path), log())).toMatchObject([{ code: "TILE_MISSING", path }]);
  });
});

test.each(BUNDLE_FAULTS)("an older partial bundle: %s", async (_, __, edit) => {
  const path = "tile/entries/000.p/3";
  const findings = await findingsOf(change(small, path, edit), small);
  expect(findings).toMatchObject([{ code: "TILE_CONFLICT", path }]);
});

describe("tiles", () => {
  test.each([
    ["tile/0/000", "TILE_ALTERED"],
    ["tile/0/001.p/3", "TILE_ALTERED"],
    ["tile/0/001.p/2", "TILE_CONFLICT"],
  ])("%s is overwritten, or replaced by another one", async (path, code) => {
    const { length } = bytesAt(tall, path);
    for (const bytes of [Buffer.alloc(length), bytesAt(tall, "tile/0/000").subarray(32).subarray(-length)]) {
      const filled = Buffer.concat([bytes, Buffer.alloc(length - bytes.length)]);
      expect(await findingsOf(withFile(tall, path, filled), tall)).toMatchObject([{ code, path, offset: 0 }]);
    }
  });

  test("two hashes are two faults", async () => {
    const tampered = flip(flip(tall, "tile/0/000", 0), "tile/0/000", 64);
    expect(await findingsOf(tampered, tall)).toMatchObject([
      { code: "TILE_ALTERED", slot: 0 },
      { code: "TILE_ALTERED", slot: 2 },
    ]);
  });
});

test("faults that differ are told apart", async () => {
  const path = "tile/entries/000.p/6";
  const tampered = editEntries(small, path, ([a, b, c, , e]) => [a, c, b, Buffer.from("x"), e] as Buffer[]);
  expect(await findingsOf(tampered, small)).toMatchObject([
    { code: "BUNDLE_ORDER", seq: 1 },
    { code: "BUNDLE_ORDER", seq: 2 },
    { code: "LEAF_MISMATCH", seq: 3 },
    { code: "TILE_MISSING", seq: 5 },
  ]);
});
