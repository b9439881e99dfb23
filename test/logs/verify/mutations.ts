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
    | "replace"
    | "clone"
    | "zero"
    | "exchange"
    | "lines"
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
    "replace",
    "clone",
    "zero",
    "exchange",
    "lines",
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
    case "replace":
      store.delete(path);
      store.set(other, old);
      return;
    case "clone":
      store.set(nextName(path, bytes[0] as number), old);
      return;
    case "zero":
      splice(bytes.length, Buffer.alloc(bytes.length));
      return;
    case "exchange": {
      const [low = 0, high = 0] = [a % (old.length + 1), at].toSorted((one, two) => one - two);
      store.set(path, Buffer.concat([old.subarray(high), old.subarray(low, high), old.subarray(0, low)]));
      return;
    }
    case "lines":
      store.set(path, editedLines(old, a, b, bytes));
      return;
    case "splice":
      splice(bytes[0] as number, bytes);
  }
}

/** The name of another file of the same kind. */
function nextName(path: string, n: number): string {
  const next = (number: string) => String(Number(number) + 1 + (n % 3)).padStart(number.length, "0");
  return path.replace(/\d+(?=\D*$)/, next);
}

/** One line taken out, doubled, or put elsewhere. */
function editedLines(old: Buffer, a: number, b: number, [kind = 0]: Uint8Array): Buffer {
  const lines = old.toString("latin1").split(/(?<=\n)/);
  const [line = ""] = lines.splice(a % lines.length, 1);
  const place = b % (lines.length + 1);
  if (kind % 3 > 0) lines.splice(place, 0, line);
  if (kind % 3 === 2) lines.splice(place, 0, line);
  return Buffer.from(lines.join(""), "latin1");
}
