import { expect, test } from "vitest";
import { parseNote } from "../../../src/logs/note.ts";
import { parseRotation } from "../../../src/logs/rotation.ts";
import { rotateKey } from "../../../src/logs/sign/rotate-key.ts";
import type { MemoryTree } from "../../support/memory-files.ts";
import { batchesOf, modelSigner } from "../store-model.ts";
import { faults, faulty, watchful } from "./faults.ts";
import { inMemory, signIn, stoppedClock, storeIn } from "./parts.ts";

test.each(faults)(
  "a change of keys that is interrupted because a write %s is completed by the next one",
  async (_, fault) => {
    const begin: MemoryTree = new Map([["/d/a.log", Buffer.from("1\n2\n")]]);
    await signIn("/d", ["a.log"], inMemory(begin));
    const [old, next] = [modelSigner(), modelSigner(undefined, "next")];
    const outcomes = new Set<boolean>();
    let at = 1;
    for (; ; at += 1) {
      const tree: MemoryTree = new Map(begin);
      const files = faulty(tree, at, fault);
      const request = {
        store: "/d/store",
        previous: [watchful(old)] as const,
        next: [watchful(next)] as const,
      };
      const parts = { ...inMemory(tree), clock: stoppedClock() };
      const ended: unknown = await rotateKey(request, { ...parts, files }).catch((error: unknown) => error);
      if (!files.reached()) break;
      expect(ended).toMatchObject({ code: "io" });
      // where it did not come so far that it counts, the old key signs on
      const copy: MemoryTree = new Map(tree).set("/d/a.log", Buffer.from("1\n2\n3\n"));
      const signed = await signIn("/d", ["a.log"], { ...inMemory(copy), signers: [old] }).catch(
        (error: unknown) => error,
      );
      const isChanged = tree.get("/d/store.signer/state.json")?.includes("audit\\n2\\n") === true;
      expect(signed).toMatchObject(isChanged ? { code: "refused" } : { size: 2 });
      outcomes.add(isChanged);
      expect(await rotateKey(request, parts)).toMatchObject({ size: 2 });
      const store = storeIn(tree, "/d");
      const batches = batchesOf(store);
      expect(batches.map(({ data }) => parseRotation(data)?.size)).toEqual([undefined, 2]);
      expect(parseNote(store.get("checkpoint") ?? Buffer.of()).signatures).toHaveLength(2);
      expect(store.get("fleetsec/checkpoint/2")).toEqual(store.get("checkpoint"));
    }
    expect(at).toBeGreaterThan(10);
    expect(outcomes.size).toBe(2);
  },
);

test("a key's range begins where it was brought, however many batches are before and after", async () => {
  const [first, second, third] = ["1", "2", "3"].map((name) => modelSigner(undefined, name));
  if (first === undefined || second === undefined || third === undefined) throw new Error("three");
  for (const [before, after] of [
    [1, 0],
    [1, 9],
    [2, 1],
    [7, 5],
    [30, 3],
  ] as const) {
    const tree: MemoryTree = new Map([["/d/a.log", Buffer.alloc(0)]]);
    const parts = { ...inMemory(tree), clock: stoppedClock() };
    const sign = async (signer: typeof first, batches: number) => {
      const lines = tree.get("/d/a.log") as Buffer;
      tree.set("/d/a.log", Buffer.concat([lines, Buffer.from("line\n".repeat(batches))]));
      await signIn("/d", ["a.log"], { ...parts, maxRecords: 1, signers: [signer] });
    };
    await sign(first, before);
    await rotateKey({ store: "/d/store", previous: [first], next: [second] }, parts);
    await sign(second, after);
    const request = { store: "/d/store", previous: [second], next: [third] } as const;
    const { ranges } = await rotateKey(request, parts);
    const last = before + after + 2;
    expect(ranges.map((range) => [range.first, range.last])).toEqual([
      [before + 1, last],
      [last, undefined],
    ]);
  }
});
