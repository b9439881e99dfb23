import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseCheckpoint } from "../../src/logs/checkpoint.ts";
import { parseStorePath } from "../../src/logs/layout.ts";
import { parseLeaf } from "../../src/logs/leaf.ts";
import { parseNote } from "../../src/logs/note.ts";
import { treeFromTiles, tilePath } from "../../src/logs/tiles.ts";
import { batchesArbitrary, leavesOf, modelStore, recordsOf } from "./store-model.ts";

test("a model store has the format's files only, and its newest root", async () => {
  await fc.assert(
    fc.asyncProperty(batchesArbitrary, async (batches) => {
      const files = await modelStore(batches);
      for (const path of files.keys()) expect(parseStorePath(path)).toBeDefined();
      const { size, root } = parseCheckpoint(parseNote(files.get("checkpoint") ?? Buffer.of()).text);
      expect(size).toBe(batches.length);
      expect(treeFromTiles(size, (tile) => files.get(tilePath(tile)) as Buffer).root()).toEqual(root);
      leavesOf(batches).forEach((leaf, seq) => {
        expect(parseLeaf(leaf)).toMatchObject({
          seq,
          records: recordsOf(batches[seq]?.data ?? Buffer.of()).length,
        });
      });
    }),
    { numRuns: 50 },
  );
});

test("full tiles replace partial ones", async () => {
  const batches = Array.from({ length: 258 }, (_, i) => ({ data: Buffer.from(`${i}\n`), from: i, to: i }));
  const paths = [...(await modelStore(batches)).keys()].filter((path) => path.startsWith("tile/")).sort();
  expect(paths).toEqual([
    "tile/0/000",
    "tile/0/001.p/1",
    "tile/0/001.p/2",
    "tile/1/000.p/1",
    "tile/entries/000",
    "tile/entries/001.p/1",
    "tile/entries/001.p/2",
  ]);
});
