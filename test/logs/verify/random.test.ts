import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { batchesArbitrary, modelStore, p256Signer, type StoreFiles } from "../store-model.ts";
import { soaked } from "../../support/soak.ts";
import { mutate, mutationArbitrary, withOtherS } from "./mutations.ts";
import { anchorIn, batchesOf, places, trustIn, verifyFiles } from "./verifying.ts";

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
        fc.array(mutationArbitrary, { minLength: 1, maxLength: 8 }),
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

  test("nor in a log that P-256 signs, where (r, n - s) is a signature as right as (r, s)", async () => {
    const signers = [p256Signer()];
    const trust = trustIn(...signers);
    let otherS = 0;
    await fc.assert(
      fc.asyncProperty(
        logsArbitrary,
        fc.array(mutationArbitrary, { maxLength: 2 }),
        fc.nat(),
        async (batches, mutations, n) => {
          const original = await modelStore(batches, signers);
          const asked = { trust, anchors: [anchorIn(original, "checkpoint", trust)] };
          expect(await verifyFiles(original, asked)).toMatchObject({ verdict: "intact", findings: [] });
          const store = new Map(original);
          for (const mutation of mutations) if (store.size > 0) mutate(store, mutation);
          const notes = [...original.keys()].filter((path) => path.includes("checkpoint"));
          const path = notes[n % notes.length] as string;
          const note = store.get(path);
          if (note !== undefined) store.set(path, withOtherS(note));
          const { ok, findings } = await verifyFiles(store, asked);
          const same = equal(store, original);
          expect(ok).toBe(same);
          expect(findings.length > 0).toBe(!same);
          if (mutations.length > 0 || same) return;
          // it still verifies, so it is that form that is the finding, and nothing else
          otherS += 1;
          expect(places(findings)).toEqual([{ code: "SIG_INVALID", path }]);
        },
      ),
      { numRuns: soaked(60, 3000), endOnFailure: true },
    );
    expect(otherS).toBeGreaterThan(0);
  }, 3_600_000);

  test("nor in a log of two tile levels, or with every second edit in a checkpoint", async () => {
    const tall = await modelStore(batchesOf(258, 1));
    const anchors = [anchorIn(tall)];
    const notes = [...tall.keys()].filter((path) => path.includes("checkpoint"));
    await fc.assert(
      fc.asyncProperty(
        fc.array(mutationArbitrary, { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        async (mutations, inNotes) => {
          const store = new Map(tall);
          for (const mutation of mutations) {
            const path = notes[mutation.b % notes.length] as string;
            const bytes = tall.get(path) as Buffer;
            if (inNotes) {
              const note: StoreFiles = new Map([[path, bytes]]);
              mutate(note, mutation);
              if (!note.has(path)) store.delete(path);
              for (const [name, data] of note) store.set(name, data);
            }
            if (!inNotes || mutation.a % 2 === 0) mutate(store, mutation);
          }
          const { ok, findings } = await verifyFiles(store, { anchors });
          const same = equal(store, tall);
          expect(ok).toBe(same);
          expect(findings.length > 0).toBe(!same);
        },
      ),
      { numRuns: soaked(40, 3000) },
    );
  }, 3_600_000);

  /** What C2SP has verifiers pass over, and what a log may hold without having to. */
  test.each<[string, (store: StoreFiles) => void]>([
    [
      "a signature line of a key that nobody knows",
      (store) => {
        const line = `\u2014 stranger ${Buffer.alloc(68, 3).toString("base64")}\n`;
        for (const path of ["checkpoint", "fleetsec/checkpoint/3"]) {
          store.set(path, Buffer.concat([store.get(path) as Buffer, Buffer.from(line)]));
        }
      },
    ],
    [
      "an older checkpoint as the one cosigned last",
      (store) => {
        const line = `\u2014 witness.example ${Buffer.alloc(76, 3).toString("base64")}\n`;
        const note = store.get("fleetsec/checkpoint/2") as Buffer;
        store.set("fleetsec/cosigned", Buffer.concat([note, Buffer.from(line)]));
      },
    ],
    [
      "an older tile and bundle that need not be there any more",
      (store) => {
        const leaf = (store.get("tile/0/000") as Buffer).subarray(0, 32);
        const bundle = store.get("tile/entries/000") as Buffer;
        store.set("tile/0/000.p/1", leaf);
        store.set("tile/entries/000.p/1", bundle.subarray(0, 2 + bundle.readUInt16BE(0)));
      },
    ],
  ])("but for what the format leaves open: %s", async (_, edit) => {
    const tall = await modelStore(batchesOf(258, 1));
    const store = new Map(tall);
    edit(store);
    expect(equal(store, tall)).toBe(false);
    expect(await verifyFiles(store, { anchors: [anchorIn(tall)] })).toMatchObject({ ok: true, findings: [] });
  });
});
