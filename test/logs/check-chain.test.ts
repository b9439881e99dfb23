import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { batchPath } from "../../src/logs/layout.ts";
import { bundlePath } from "../../src/logs/tiles.ts";
import { scratch } from "../support/scratch.ts";
import { leavesOf, type ModelBatch, modelStore, writeStore } from "./store-model.ts";

const script = new URL("../../docs/check-chain.sh", import.meta.url).pathname;
const check = (store: string) => spawnSync("sh", [script, store], { encoding: "utf8" });

const batchesOf = (count: number): ModelBatch[] =>
  Array.from({ length: count }, (_, i) => ({ data: Buffer.from(`${i}\n`), from: i, to: i }));

async function storeOf(batches: readonly ModelBatch[]): Promise<string> {
  const store = join(scratch(), "a store");
  writeStore(store, await modelStore(batches));
  return store;
}

describe("docs/check-chain.sh", () => {
  test("has twenty lines", () => {
    expect(readFileSync(script, "utf8").trimEnd().split("\n")).toHaveLength(20);
  });

  // 257: more than one bundle
  test.each([1, 5, 257])(
    "accepts %i batches, and prints the digest to publish",
    { timeout: 180_000 },
    async (count) => {
      const batches = batchesOf(count);
      const last = createHash("sha256")
        .update(leavesOf(batches).at(-1) ?? "")
        .digest("hex");
      expect(check(await storeOf(batches))).toMatchObject({
        status: 0,
        stdout: `${count} batches in order, the last leaf is ${last}\n`,
        stderr: "",
      });
    },
  );

  const bundle = bundlePath(0, 5);
  test.each([
    ["batch 3 changed", 3, "it is not what was signed", batchPath(3), () => Buffer.from("4\n")],
    ["a leaf changed", 2, "its leaf does not follow the one before", bundle, changeLeaf],
    ["a leaf left out", 0, "its leaf is numbered 1", bundle, leaveOutLeaf],
  ] as const)("refuses a store with %s", async (_, seq, message, path, tamper) => {
    const store = await storeOf(batchesOf(5));
    writeFileSync(join(store, path), tamper(readFileSync(join(store, path))));
    expect(check(store)).toMatchObject({ status: 1, stdout: "", stderr: `batch ${seq}: ${message}\n` });
  });

  test("refuses a store with a batch missing", async () => {
    const store = await storeOf(batchesOf(5));
    rmSync(join(store, batchPath(2)));
    expect(check(store)).toMatchObject({ status: 1, stderr: "batch 2: it is missing\n" });
  });
});

describe("docs/check-chain.sh, of a checkpoint that is damaged,", () => {
  const altered = (alter: (lines: string[]) => string[]) => (text: string) =>
    alter(text.split("\n")).join("\n");
  const withSize = (size: string) => altered(([origin, , ...rest]) => [origin as string, size, ...rest]);

  test.each([
    ...["x", "", "0", " ", "-1", "05", "+5", "5x", "0x5", "5.0", "5 5", "*"].map(
      (size) => [`the size "${size}"`, withSize(size)] as const,
    ),
    ["nothing", () => ""],
    ["no second line", altered(([origin]) => [origin as string, ""])],
    ["the size cut off", altered((lines) => lines.slice(0, 2))],
    ["the signature cut off", altered((lines) => [...lines.slice(0, 4), ""])],
    ["its last newline cut off", (text: string) => text.trimEnd()],
  ] as const)("refuses %s", async (_, alter) => {
    const store = await storeOf(batchesOf(5));
    expect(check(store).status).toBe(0);
    const path = join(store, "checkpoint");
    writeFileSync(path, alter(readFileSync(path, "utf8")));
    expect(check(store)).toMatchObject({ status: 1, stdout: "", stderr: "its checkpoint is damaged\n" });
  });

  test.each([
    ["1", "4 more batches than the checkpoint counts\n"],
    ["4", "1 more batches than the checkpoint counts\n"],
    ["6", expect.stringContaining("000.p/6")],
    ["257", expect.stringContaining("000")],
    ["99999999999999999999", expect.stringMatching(/./)],
  ])("does not accept the size %s", async (size, stderr) => {
    const store = await storeOf(batchesOf(5));
    const path = join(store, "checkpoint");
    const sound = readFileSync(path, "utf8");
    writeFileSync(path, withSize(size)(sound));
    const { status, stdout, stderr: said } = check(store);
    expect({ refused: status !== 0, stdout, said }).toEqual({ refused: true, stdout: "", said: stderr });
    writeFileSync(path, sound);
    expect(check(store).status).toBe(0);
  });

  test("counts every batch, not the next one alone", async () => {
    const store = await storeOf(batchesOf(5));
    const path = join(store, "checkpoint");
    writeFileSync(path, withSize("3")(readFileSync(path, "utf8")));
    rmSync(join(store, batchPath(3)));
    expect(check(store)).toMatchObject({
      status: 1,
      stdout: "",
      stderr: "1 more batches than the checkpoint counts\n",
    });
    rmSync(join(store, batchPath(4)));
    expect(check(store)).toMatchObject({ status: 0, stderr: "" });
  });

  test("does not accept a store without one", async () => {
    const store = await storeOf(batchesOf(5));
    rmSync(join(store, "checkpoint"));
    expect(check(store)).toMatchObject({ status: 1, stdout: "" });
  });
});

/** Another time in leaf 1. */
function changeLeaf(data: Buffer): Buffer {
  data[data.indexOf("time 1 1") + 7] = 0x32;
  return data;
}

function leaveOutLeaf(data: Buffer): Buffer {
  return data.subarray(2 + data.readUInt16BE());
}
