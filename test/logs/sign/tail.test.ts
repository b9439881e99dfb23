import { expect, test } from "vitest";
import { growingTree, leafHash, rootOf } from "../../../src/logs/merkle.ts";
import { emptyTail, grow, type LogTail } from "../../../src/logs/sign/tail.ts";
import { parseBundle } from "../../../src/logs/tiles.ts";

const batch = { from: 1, to: 1, records: 1, bytes: 1, sha256: "00".repeat(32), root: Buffer.alloc(32) };

test("a leaf that fills tiles of two levels begins the third", () => {
  const size = 65_535;
  const hashes = (salt: string) =>
    Buffer.concat(Array.from({ length: 255 }, (_, i) => leafHash(Buffer.from(`${salt}${i}`))));
  const [level0, level1] = [hashes("a"), hashes("b")];
  const tail: LogTail = {
    ...emptyTail("log"),
    checkpoint: { origin: "log", size, root: Buffer.alloc(32) },
    levels: [level0, level1],
    entries: Array.from({ length: 255 }, (_, i) => Buffer.from(`${i}`)),
    prev: "11".repeat(32),
  };
  const { files, tail: next } = grow(tail, batch);
  expect(files.map(({ path }) => path)).toEqual([
    "tile/entries/255",
    "tile/0/255",
    "tile/1/000",
    "tile/2/000.p/1",
  ]);
  const [bundle, tile0, tile1, tile2] = files.map(({ data }) => data) as [Buffer, Buffer, Buffer, Buffer];
  const leaf = parseBundle(bundle, 256).at(-1) as Uint8Array;
  expect(String(leaf)).toContain(`seq ${size}\n`);
  expect(tile0).toEqual(Buffer.concat([level0, leafHash(leaf)]));
  expect(tile1).toEqual(Buffer.concat([level1, rootOf(tile0)]));
  expect(tile2).toEqual(rootOf(tile1));
  expect(next.checkpoint).toEqual({ origin: "log", size: size + 1, root: tile2 });
  expect(next.entries).toEqual([]);

  // and the next leaf begins the lowest level again
  const after = grow(next, batch);
  expect(after.files.map(({ path }) => path)).toEqual(["tile/entries/256.p/1", "tile/0/256.p/1"]);
  const tree = growingTree();
  tree.appendSubtree(tile2, 16);
  tree.append(leafHash(parseBundle(after.files[0]?.data ?? Buffer.of(), 1)[0] as Uint8Array));
  expect(after.tail.checkpoint.root).toEqual(tree.root());
});
