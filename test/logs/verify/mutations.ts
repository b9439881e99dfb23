import fc from "fast-check";
import type { StoreFiles } from "../store-model.ts";

/** One edit of a store: `a` and `b` choose files and places, whatever their number. */
export interface Mutation {
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

export const mutationArbitrary: fc.Arbitrary<Mutation> = fc.record({
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

export function mutate(store: StoreFiles, { kind, a, b, bytes }: Mutation): void {
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
