import { describe, expect, test } from "vitest";
import { FleetsecError } from "../../../src/errors.ts";
import type { LogSigner } from "../../../src/logs/signer.ts";
import type { MemoryTree } from "../../support/memory-files.ts";
import { type ModelBatch, modelSigner, modelStore, summaryOf } from "../store-model.ts";
import { type Fault, faults, faulty, watchful } from "./faults.ts";
import { inMemory, signIn, START, storeIn } from "./parts.ts";

/**
 * Lets every change of a run go wrong in turn, then runs it again and looks at the store.
 * @returns how many changes there are
 */
async function atEveryChange(
  fault: Fault,
  begin: MemoryTree,
  batches: readonly ModelBatch[],
): Promise<number> {
  const model = summaryOf(await modelStore(batches));
  for (let at = 1; ; at += 1) {
    const tree: MemoryTree = new Map(begin);
    const files = faulty(tree, at, fault);
    const run = { ...inMemory(tree), maxRecords: 2, signers: [watchful(modelSigner())] as const };
    const ended: unknown = await signIn("/d", ["a.log"], { ...run, files }).catch((error: unknown) => error);
    if (!files.reached()) return at - 1;
    expect(ended).toMatchObject({ code: "io" });
    await signIn("/d", ["a.log"], run);
    expect({ at, store: summaryOf(storeIn(tree, "/d")) }).toEqual({ at, store: model });
  }
}

const time = START / 1000;
const batch = (text: string): ModelBatch => ({ data: Buffer.from(text), from: time, to: time });

describe("a change of the file system that", () => {
  test.each(faults)("%s costs no line, doubles none and makes no second root", async (_, fault) => {
    const begin: MemoryTree = new Map([["/d/a.log", Buffer.from("1\n2\n3\n4\n5\n")]]);
    const changes = await atEveryChange(fault, begin, [batch("1\n2\n"), batch("3\n4\n"), batch("5\n")]);
    expect(changes).toBeGreaterThan(20);
  });

  test.each(faults.slice(2))("%s costs nothing where a tile becomes full either", async (_, fault) => {
    const lines = Array.from({ length: 2 * 255 + 3 }, (__, i) => `${i}\n`);
    const begin: MemoryTree = new Map([["/d/a.log", Buffer.from(lines.slice(0, 2 * 255).join(""))]]);
    await signIn("/d", ["a.log"], { ...inMemory(begin), maxRecords: 2 });
    begin.set("/d/a.log", Buffer.from(lines.join("")));
    const batches = Array.from({ length: 257 }, (__, i) => batch(lines.slice(2 * i, 2 * i + 2).join("")));
    expect(await atEveryChange(fault, begin, batches)).toBeGreaterThan(20);
  });

  test("fails leaves nothing that is not signed", async () => {
    for (let at = 1; ; at += 1) {
      const tree: MemoryTree = new Map([["/d/a.log", Buffer.from("1\n2\n3\n")]]);
      const files = faulty(tree, at, { effect: false, killed: false });
      const run = signIn("/d", ["a.log"], { ...inMemory(tree), maxRecords: 2, files });
      const ended: unknown = await run.catch((error: unknown) => error);
      if (!files.reached()) break;
      expect(ended).toMatchObject({ code: "io" });
      const store = storeIn(tree, "/d");
      const size = ["", "1\n2\n", "3\n"].findLastIndex((__, n) => n === 0 || store.has(`tile/0/000.p/${n}`));
      const signed = [batch("1\n2\n"), batch("3\n")].slice(0, size);
      // a checkpoint that is due and not yet published is published by the next run
      const due = (path: string) => path.startsWith("fleetsec/checkpoint/") || path === "checkpoint";
      const paths = (map: Map<string, unknown>) => [...map.keys()].filter((path) => !due(path)).sort();
      expect({ at, paths: paths(store) }).toEqual({ at, paths: paths(await modelStore(signed)) });
    }
  });
});

test("a checkpoint that could not be signed is signed by the next run", async () => {
  const tree: MemoryTree = new Map([["/d/a.log", Buffer.from("1\n")]]);
  const sign = async (signer: LogSigner) => signIn("/d", ["a.log"], { ...inMemory(tree), signers: [signer] });
  const { key } = modelSigner();
  const gone = async () => {
    throw new FleetsecError("engine", "the HSM is gone");
  };
  await expect(sign({ key, sign: gone })).rejects.toThrow("HSM");
  await expect(sign({ key, sign: async () => Buffer.alloc(64) })).rejects.toThrow("does not verify");
  expect([...storeIn(tree, "/d").keys()].filter((path) => path.includes("checkpoint"))).toEqual([]);
  expect(await sign(modelSigner())).toMatchObject({ size: 1, signed: { records: 0 } });
  expect(summaryOf(storeIn(tree, "/d"))).toEqual(summaryOf(await modelStore([batch("1\n")])));
});
