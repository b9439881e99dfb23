import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { batchesArbitrary, modelStore, type StoreFiles } from "../store-model.ts";
import { soaked } from "../../support/soak.ts";
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

/** One edit of a store: `a` and `b` choose files and places, whatever their number. */
interface Mutation {
  readonly kind:
    | "flip"
    | "delete"
    | "truncate"
    | "insert"
    | "append"
    | "swap"
    | "copy"
    | "add"
    | "rename"
    | "splice";
  readonly a: number;
  readonly b: number;
  readonly bytes: Uint8Array;
}

const mutationArbitrary: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom(
    "flip",
    "delete",
    "truncate",
    "insert",
    "append",
    "swap",
    "copy",
    "add",
    "rename",
    "splice",
  ),
  a: fc.nat(),
  b: fc.nat(),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }),
});

const NEW_NAMES = [
  "x",
  "tile/x",
  "tile/0/001",
  "tile/1/000.p/1",
  "tile/entries/001",
  "fleetsec/batch/999.jsonl",
  "fleetsec/hashes/100",
  "fleetsec/checkpoint/99",
  "fleetsec/more",
];

function mutate(store: StoreFiles, { kind, a, b, bytes }: Mutation): void {
  const paths = [...store.keys()];
  const path = paths[a % paths.length] as string;
  const other = paths[b % paths.length] as string;
  const old = store.get(path) as Buffer;
  const at = old.length === 0 ? 0 : b % old.length;
  const splice = (remove: number, insert: Uint8Array) =>
    store.set(path, Buffer.concat([old.subarray(0, at), insert, old.subarray(at + remove)]));
  switch (kind) {
    case "flip":
      splice(1, old.length === 0 ? bytes : Buffer.of((old[at] as number) ^ ((bytes[0] as number) || 1)));
      return;
    case "delete":
      store.delete(path);
      return;
    case "truncate":
      store.set(path, old.subarray(0, at));
      return;
    case "insert":
      splice(0, bytes);
      return;
    case "append":
      store.set(path, Buffer.concat([old, bytes]));
      return;
    case "swap":
      store.set(path, store.get(other) as Buffer).set(other, old);
      return;
    case "copy":
      store.set(path, store.get(other) as Buffer);
      return;
    case "add":
      store.set(NEW_NAMES[b % NEW_NAMES.length] as string, Buffer.from(bytes));
      return;
    case "rename":
      store.delete(path);
      store.set(NEW_NAMES[b % NEW_NAMES.length] as string, old);
      return;
    case "splice":
      splice(bytes[0] as number, bytes);
  }
}

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
