import { beforeAll, describe, expect, it } from "vitest";
import { FleetsecError } from "../../../src/errors.ts";
import { batchPath } from "../../../src/logs/layout.ts";
import { take } from "../../../src/logs/verify/shared-work.ts";
import type { DigestTask } from "../../../src/logs/verify/digest-batch.ts";
import { verifyLog } from "../../../src/logs/verify/verify.ts";
import { modelStore, type StoreFiles } from "../store-model.ts";
import { batchesOf, partsFor, requestFor } from "./verifying.ts";

const MANY = 260;

let model: StoreFiles;
let altered: StoreFiles;
beforeAll(async () => {
  model = await modelStore(batchesOf(MANY, 1));
  altered = new Map(model);
  for (const path of [batchPath(7), batchPath(200), "fleetsec/checkpoint/9"]) {
    const bytes = Buffer.from(model.get(path) as Buffer);
    bytes[20] = (bytes[20] as number) ^ 1;
    altered.set(path, bytes);
  }
});

/** Verifies with threads each of which takes its work, and then fails with that. */
async function verify(files: StoreFiles, failure: Error, task: string) {
  const parts = partsFor(files, {});
  let given = 0;
  const threads: typeof parts.threads = {
    ...parts.threads,
    pool: (name, count) => {
      const pool = parts.threads.pool(name, count);
      const run = (input: unknown) => {
        if (name !== task) return pool.run(input);
        given += 1;
        if (name === "digest-batches") take((input as DigestTask).ticket);
        return Promise.reject(failure);
      };
      return { ...pool, run };
    },
  };
  return { result: await verifyLog(requestFor({}), { ...parts, threads }), given: () => given };
}

describe.each(["digest-batches", "open-checkpoints"])("threads of %s that come to an end", (task) => {
  it("leave their work to this one, which finds what they would have", async () => {
    const lost = new FleetsecError("thread", "a thread ended");
    for (const files of [model, altered]) {
      const { result, given } = await verify(files, lost, task);
      expect(given()).toBeGreaterThan(0);
      const alone = await verifyLog(requestFor({ threads: { count: 1, from: 0 } }), partsFor(files, {}));
      expect(result).toEqual(alone);
      expect(result.findings.length > 0).toBe(files === altered);
    }
  });

  it("are not a bug, which is not hidden", async () => {
    await expect(verify(model, new Error("a bug"), task)).rejects.toThrow("a bug");
  });
});
