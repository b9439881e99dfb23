import { expect, it } from "vitest";
import { verifyLog } from "../../../src/logs/verify/verify.ts";
import { modelStore } from "../store-model.ts";
import { anchorIn, batchesOf, partsFor, requestFor } from "./verifying.ts";

it("closes its threads at the end, and does not wait until they are gone", async () => {
  const store = await modelStore(batchesOf(5, 1));
  const parts = partsFor(store, {});
  const closed: string[] = [];
  let asked = 0;
  const threads: typeof parts.threads = {
    ...parts.threads,
    pool: (task, count) => {
      const pool = parts.threads.pool(task, count);
      const run: typeof pool.run = (input) => {
        asked += 1;
        expect(closed).toEqual([]);
        return pool.run(input);
      };
      const close = () => {
        closed.push(task);
        return new Promise<never>(() => {});
      };
      return { ...pool, run, close };
    },
  };
  const { verdict } = await verifyLog(requestFor({ anchors: [anchorIn(store)] }), { ...parts, threads });
  expect(verdict).toBe("intact");
  expect(asked).toBeGreaterThan(0);
  expect(closed).toEqual(["digest-batches"]);
});
