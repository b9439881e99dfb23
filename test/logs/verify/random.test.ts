import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { batchesArbitrary, modelStore, type StoreFiles } from "../store-model.ts";
import { soaked } from "../../support/soak.ts";
import { mutate, mutationArbitrary } from "./mutations.ts";
import { anchorIn, places, verifyFiles } from "./verifying.ts";

const VALID = soaked(1000, 10_000);
const TAMPERED = soaked(300, 10_000);

/** Short logs: what takes the time is signatures. */
const logsArbitrary = batchesArbitrary.map((batches) => batches.slice(0, 4));

test(`${VALID} random valid logs raise no alarm, deep or not`, async () => {
  await fc.assert(
    fc.asyncProperty(logsArbitrary, fc.nat(200), async (batches, deepUpTo) => {
      const store = await modelStore(batches);
      const { verdict, findings, checked } = await verifyFiles(store, {
        anchors: [anchorIn(store)],
        deepUpTo,
      });
      expect(places(findings)).toEqual([]);
      expect(verdict).toBe("intact");
      expect(checked.batches).toBe(batches.length);
      expect(checked.bytes).toBe(batches.reduce((sum, { data }) => sum + data.length, 0));
    }),
    { numRuns: VALID },
  );
}, 600_000);

function equal(a: StoreFiles, b: StoreFiles): boolean {
  return a.size === b.size && [...a].every(([path, bytes]) => b.get(path)?.equals(bytes) === true);
}

describe("whatever is done to a store", () => {
  test("exit 0 means that no byte is changed", async () => {
    let changed = 0;
    await fc.assert(
      fc.asyncProperty(
        batchesArbitrary,
        fc.array(mutationArbitrary, { minLength: 1, maxLength: 5 }),
        async (batches, mutations) => {
          const original = await modelStore(batches);
          const store = new Map(original);
          for (const mutation of mutations) if (store.size > 0) mutate(store, mutation);
          const { ok, verdict, findings } = await verifyFiles(store, { anchors: [anchorIn(original)] });
          const same = equal(store, original);
          if (!same) changed += 1;
          expect(ok).toBe(same);
          expect(verdict).toBe(same ? "intact" : "altered");
          expect(findings.length > 0).toBe(!same);
        },
      ),
      { numRuns: TAMPERED, endOnFailure: true },
    );
    // the property says nothing where nothing was changed
    expect(changed).toBeGreaterThan(TAMPERED / 2);
  }, 600_000);
});
