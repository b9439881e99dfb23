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
      expect(await rotateKey(request, parts)).toMatchObject({ size: 2 });
      const store = storeIn(tree, "/d");
      const batches = batchesOf(store);
      expect(batches.map(({ data }) => parseRotation(data)?.size)).toEqual([undefined, 2]);
      expect(parseNote(store.get("checkpoint") ?? Buffer.of()).signatures).toHaveLength(2);
      expect(store.get("fleetsec/checkpoint/2")).toEqual(store.get("checkpoint"));
    }
    expect(at).toBeGreaterThan(10);
  },
);
