import { beforeAll, describe, expect, it } from "vitest";
import { verifyLog } from "../../../src/logs/verify/verify.ts";
import { modelSigner, modelStore, type StoreFiles } from "../store-model.ts";
import { type Asked, batchesOf, partsFor, requestFor, trustIn } from "./verifying.ts";

/** So many are worth a thread. */
const MANY = 300;

let model: StoreFiles;
beforeAll(async () => {
  model = await modelStore(batchesOf(MANY, 1));
});

const path = (size: number) => `fleetsec/checkpoint/${size}`;
const bytesOf = (files: StoreFiles, size: number) => files.get(path(size)) as Buffer;

/** Verifies with so many threads; tells also how many checkpoints other threads were given. */
async function verify(files: StoreFiles, count: number, asked: Asked = {}) {
  const parts = partsFor(files, asked);
  let given = 0;
  const threads: typeof parts.threads = {
    ...parts.threads,
    pool: (task, most) => {
      const pool = parts.threads.pool(task, most);
      const run: typeof pool.run = (input) => {
        if (task === "open-checkpoints") given += (input as { sizes: number[] }).sizes.length;
        return pool.run(input);
      };
      return { ...pool, run };
    },
  };
  const request = requestFor({ ...asked, threads: { count, from: 0 } });
  return { result: await verifyLog(request, { ...parts, threads }), given };
}

describe("checkpoints that other threads open", () => {
  it("are all of them, and found to be sound as here", async () => {
    const there = await verify(model, 2);
    expect(there.given).toBe(MANY);
    expect(there.result.findings).toEqual([]);
    const here = await verify(model, 1);
    expect(here.given).toBe(0);
    expect(there.result).toEqual(here.result);
  });

  it("are reported as here, in the same order, whatever is wrong with them", async () => {
    const other = await modelStore(batchesOf(MANY, 3));
    const stranger = await modelStore(batchesOf(MANY, 1), [modelSigner("fleet.internal/audit", "stranger")]);
    const elsewhere = await modelStore(batchesOf(MANY, 1), [modelSigner("elsewhere.example/log")]);
    const files = new Map(model);
    const flipped = Buffer.from(bytesOf(model, 2));
    // in the middle of the signature
    flipped[flipped.length - 40] = flipped.at(-40) === 0x41 ? 0x42 : 0x41;
    files.set(path(2), flipped);
    files.set(path(3), Buffer.from("nothing of the kind\n"));
    files.set(path(4), bytesOf(model, 5));
    files.delete(path(6));
    files.set(path(7), bytesOf(stranger, 7));
    files.set(path(8), bytesOf(elsewhere, 8));
    files.set(path(9), bytesOf(other, 9));
    files.set(path(10), bytesOf(model, 12));
    files.set(path(MANY), bytesOf(other, MANY));
    const asked = { unreadable: path(11) };
    const there = await verify(files, 2, asked);
    expect(there.given).toBe(MANY - 1);
    const found = there.result.findings.map((finding) => `${finding.code} ${finding.path}`);
    expect(found).toEqual(
      expect.arrayContaining([
        `SIG_INVALID ${path(2)}`,
        `NOTE_MALFORMED ${path(3)}`,
        `NOTE_MALFORMED ${path(4)}`,
        `CHECKPOINT_MISSING ${path(6)}`,
        `KEY_UNKNOWN ${path(7)}`,
        `ORIGIN_MISMATCH ${path(8)}`,
        `INCONSISTENT_WITH_ANCHOR ${path(9)}`,
        `NOTE_MALFORMED ${path(10)}`,
        "EQUIVOCATION checkpoint",
      ]),
    );
    expect(there.result).toEqual((await verify(files, 1, asked)).result);
    expect(JSON.stringify(there.result)).toContain(path(11));
  });

  it("are all opened, and their order is kept, however long some of them are", async () => {
    const files = new Map(model);
    // more than is read ahead, several times, and one that is longer than a note may be
    for (let size = 20; size < 60; size += 2) files.set(path(size), Buffer.alloc(100_000, "x"));
    files.set(path(61), Buffer.alloc((1 << 20) + 1, "x"));
    const there = await verify(files, 2);
    expect(there.given).toBe(MANY);
    const found = there.result.findings.map(({ code, path: at }) => `${code} ${at}`);
    const sizes = [...Array.from({ length: 20 }, (_, i) => 20 + 2 * i), 61];
    expect(found).toEqual(sizes.map((size) => `NOTE_MALFORMED ${path(size)}`));
    expect(there.result).toEqual((await verify(files, 1)).result);
  });

  it("are opened beside bundles that cannot be read, or that go beyond the tree, as here", async () => {
    const unreadable = "tile/entries/000";
    const there = await verify(model, 2, { unreadable });
    expect(there.given).toBe(MANY);
    expect(there.result.unestablished.join("\n")).toContain(unreadable);
    expect(there.result).toEqual((await verify(model, 1, { unreadable })).result);
    // an old checkpoint is put back, and those after it are taken away: the bundles are of a larger tree
    const files = new Map(model);
    files.set("checkpoint", bytesOf(model, 270));
    for (let size = 271; size <= MANY; size += 1) files.delete(path(size));
    const rolled = await verify(files, 2);
    expect(rolled.given).toBe(270);
    expect(rolled.result.findings.map(({ code }) => code)).toContain("UNEXPECTED_FILE");
    expect(rolled.result.log?.size).toBe(270);
    expect(rolled.result).toEqual((await verify(files, 1)).result);
  });

  it("are held to all keys, where that is asked, as here", async () => {
    const signers = [modelSigner(), modelSigner("fleet.internal/audit", "second")] as const;
    const twice = await modelStore(batchesOf(MANY, 1), signers);
    const trust = trustIn(...signers);
    const allKeys = { trust, allKeys: true };
    expect((await verify(twice, 2, allKeys)).result.findings).toEqual([]);
    const files = new Map(twice);
    for (const size of [7, 200]) {
      const lines = bytesOf(twice, size).toString().split("\n");
      expect(lines.filter((line) => line.startsWith("\u2014 "))).toHaveLength(2);
      files.set(path(size), Buffer.from(lines.toSpliced(-2, 1).join("\n")));
    }
    const there = await verify(files, 2, allKeys);
    expect(there.given).toBe(MANY);
    expect(there.result.findings).toMatchObject([{ code: "SIG_MISSING", path: path(7) }]);
    expect(there.result.findings[0]?.detail).toContain("and so do 1 more, up to size 200");
    expect(there.result).toEqual((await verify(files, 1, allKeys)).result);
    // the control: one signature of each checkpoint is enough where all are not asked for
    expect((await verify(files, 2, { trust })).result.findings).toEqual([]);
  });
});
