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
    | "other-s"
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
    "other-s",
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
    case "other-s":
      store.set(path, withOtherS(old));
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

const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** A note whose ECDSA signatures (r, s) are (r, n - s), which hold as well; anything else as it is. */
export function withOtherS(note: Buffer): Buffer {
  const text = note
    .toString("latin1")
    .replace(/^(\xe2\x80\x94 \S+ )(\S+)$/gm, (line, head: string, base64: string) => {
      const bytes = Buffer.from(base64, "base64");
      const end = 8 + (bytes[7] ?? 0);
      if (bytes[4] !== 0x30 || bytes[5] !== bytes.length - 6 || bytes[6] !== 2 || bytes[end] !== 2)
        return line;
      const s = (P256_ORDER - BigInt(`0x${bytes.toString("hex", end + 2)}`)).toString(16);
      const digits = Buffer.from(`${"0".repeat(s.length % 2)}${s}`, "hex");
      const integer = (digits[0] ?? 0) < 0x80 ? digits : Buffer.concat([Buffer.of(0), digits]);
      const contents = Buffer.concat([bytes.subarray(6, end), Buffer.of(2, integer.length), integer]);
      const signature = Buffer.concat([bytes.subarray(0, 4), Buffer.of(0x30, contents.length), contents]);
      return `${head}${signature.toString("base64")}`;
    });
  return Buffer.from(text, "latin1");
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
