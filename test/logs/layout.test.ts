import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  batchPath,
  checkpointPath,
  hashesPath,
  numberPath,
  parseNumberPath,
  parseStorePath,
  signerStatePath,
  tokenPath,
} from "../../src/logs/layout.ts";
import { bundlePath, tilePath } from "../../src/logs/tiles.ts";

test("numbers in paths are those of tlog-tiles", () => {
  expect(numberPath(0)).toBe("000");
  expect(numberPath(1000)).toBe("x001/000");
  expect(numberPath(1_234_067)).toBe("x001/x234/067");
});

const safe = fc.oneof(fc.nat(2000), fc.maxSafeNat());

test("a number's path reads back as that number", () => {
  fc.assert(
    fc.property(safe, (n) => {
      expect(parseNumberPath(numberPath(n))).toBe(n);
    }),
  );
});

test.each([
  "",
  "1",
  "00",
  "0000",
  "x000/001",
  "000/001",
  "x001/x002",
  "x00a/001",
  "x999/x999/x999/x999/x999/999",
])("%j is no number's path", (text) => expect(parseNumberPath(text)).toBeUndefined());

describe("a store's paths", () => {
  test("read back as what they name", () => {
    fc.assert(
      fc.property(safe, fc.integer({ min: 1, max: 256 }), fc.nat(63), (n, width, level) => {
        expect(parseStorePath(batchPath(n))).toEqual({ kind: "batch", seq: n });
        expect(parseStorePath(hashesPath(n))).toEqual({ kind: "hashes", seq: n });
        // nothing is signed of an empty log
        const size = Math.max(n, 1);
        expect(parseStorePath(checkpointPath(size))).toEqual({ kind: "signed-checkpoint", size });
        expect(parseStorePath(tokenPath(size))).toEqual({ kind: "token", size });
        expect(parseStorePath(bundlePath(n, width))).toEqual({ kind: "bundle", index: n, width });
        expect(parseStorePath(tilePath({ level, index: n, width }))).toEqual({
          kind: "tile",
          level,
          index: n,
          width,
        });
      }),
    );
    expect(parseStorePath("checkpoint")).toEqual({ kind: "checkpoint" });
  });

  test.each([
    "",
    "checkpoint/",
    "checkpoint.bak",
    "tile/00/000",
    "tile/64/000",
    "tile/0/000.p/0",
    "tile/0/000.p/256",
    "tile/0/000.p/01",
    "tile/0/x000/000",
    "tile/entries/000.p",
    "tile/data/000",
    "fleetsec/batch/000",
    "fleetsec/batch/000.jsonl.bak",
    "fleetsec/batch/../000.jsonl",
    "fleetsec/hashes/000.jsonl",
    "fleetsec/checkpoint/0",
    "fleetsec/checkpoint/01",
    "fleetsec/checkpoint/9007199254740992",
    "fleetsec/tsr/0.tsr",
    "fleetsec/tsr/1",
    "fleetsec/tsr/1.tsr\n",
    "fleetsec/other/1",
  ])("%j names nothing", (path) => expect(parseStorePath(path)).toBeUndefined());
});

test("the signer's state lies beside the store", () => {
  expect(signerStatePath("/srv/audit-log/")).toBe("/srv/audit-log.signer");
  expect(signerStatePath("/")).toBe("/.signer");
});
