import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseCheckpoint } from "../../src/logs/checkpoint.ts";
import { HASH_SIZE, leafHash, rootOf } from "../../src/logs/merkle.ts";
import { parseNote } from "../../src/logs/note.ts";
import {
  bundlePath,
  encodeBundle,
  parseBundle,
  partialTilesOf,
  type Tile,
  tilePath,
  tilesOf,
  tileWidth,
  treeFromTiles,
} from "../../src/logs/tiles.ts";
import { parseVerifierKey, signatureBy, verifySignature } from "../../src/logs/verifier-key.ts";
import { describeWithVectors } from "../peers/engines.ts";

describe("the tiles of a tree", () => {
  test("of 70,000 leaves are those of the example in tlog-tiles", () => {
    const tiles = [...tilesOf(70_000)];
    const full = (level: number) => tiles.filter((tile) => tile.level === level && tile.width === 256).length;
    expect([full(0), full(1), full(2)]).toEqual([273, 1, 0]);
    expect(partialTilesOf(70_000)).toEqual([
      { level: 0, index: 273, width: 112 },
      { level: 1, index: 1, width: 17 },
      { level: 2, index: 0, width: 1 },
    ]);
  });

  test("of 256 leaves are one full tile and one of width 1 above it", () => {
    expect([...tilesOf(256)].map(tilePath)).toEqual(["tile/0/000", "tile/1/000.p/1"]);
    expect(tileWidth(0, 1, 256)).toBe(0);
  });

  test("that a larger tree adds are those that the smaller lacks", () => {
    fc.assert(
      fc.property(fc.nat(70_000), fc.nat(70_000), (a, b) => {
        const [from, size] = a < b ? [a, b] : [b, a];
        const before = new Set([...tilesOf(from)].map(tilePath));
        const missing = [...tilesOf(size)].map(tilePath).filter((path) => !before.has(path));
        expect([...tilesOf(size, from)].map(tilePath)).toEqual(missing);
      }),
      { numRuns: 30 },
    );
  });

  test("hold its root", () => {
    const hashes = Buffer.concat(Array.from({ length: 66_000 }, (_, i) => leafHash(Buffer.from(`${i}`))));
    for (const size of [0, 1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 66_000]) {
      expect(treeFromTiles(size, (tile) => tileOf(hashes, tile)).root()).toEqual(rootOf(hashes, 0, size));
    }
  });
});

/** A tile by its definition: roots over ranges of 256^level leaves. */
function tileOf(hashes: Buffer, { level, index, width }: Tile): Buffer {
  const span = 256 ** level;
  return Buffer.concat(
    Array.from({ length: width }, (_, i) =>
      rootOf(hashes, (index * 256 + i) * span, (index * 256 + i + 1) * span),
    ),
  );
}

describe("entry bundles", () => {
  const entries = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 });

  test("give back what was put in, and have one form", () => {
    fc.assert(
      fc.property(entries, (list) => {
        const bytes = encodeBundle(list);
        expect(parseBundle(bytes, list.length).map((entry) => Buffer.from(entry))).toEqual(
          list.map((entry) => Buffer.from(entry)),
        );
        expect(() => parseBundle(bytes, list.length + 1)).toThrow("malformed entry bundle");
        expect(() => parseBundle(Buffer.concat([bytes, Buffer.of(0)]), list.length)).toThrow("follow");
        fc.pre(list.length > 0);
        expect(() => parseBundle(bytes, list.length - 1)).toThrow("follow");
        expect(() => parseBundle(bytes.subarray(0, -1), list.length)).toThrow("malformed entry bundle");
      }),
    );
  });

  test("hold entries of up to 65,535 bytes", () => {
    expect(parseBundle(encodeBundle([Buffer.alloc(65_535)]), 1)[0]).toHaveLength(65_535);
    expect(() => encodeBundle([Buffer.alloc(65_536)])).toThrow(RangeError);
  });
});

// transparency-dev/tessera testdata/log/, 1811ae1
describeWithVectors("tessera/testdata/log", "Tessera's test log", (log) => {
  const key = parseVerifierKey(
    "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx",
  );

  test.each(Array.from({ length: 16 }, (_, size) => size))("verifies at size %i", (size) => {
    const note = parseNote(readFileSync(join(log, `checkpoint.${size}`)));
    const signature = signatureBy(key, note)?.signature ?? Buffer.of();
    expect(verifySignature(key, note.text, signature)).toBe(true);
    const checkpoint = parseCheckpoint(note.text);
    expect(checkpoint).toMatchObject({ origin: "example.com/log/testdata", size });
    const tree = treeFromTiles(size, (tile) => {
      const hashes = readFileSync(join(log, tilePath(tile)));
      const bundle = readFileSync(join(log, bundlePath(tile.index, tile.width)));
      expect(hashes).toEqual(Buffer.concat(parseBundle(bundle, tile.width).map(leafHash)));
      expect(hashes).toHaveLength(tile.width * HASH_SIZE);
      return hashes;
    });
    expect(tree.root()).toEqual(checkpoint.root);
  });
});
