import { basename, dirname, join } from "node:path";
import { parseDecimal } from "./decimal.ts";

/** The paths of a log's store, as in docs/log-format.md: relative, with `/`. */

/** The newest signed checkpoint: the only file that changes. */
export const CHECKPOINT = "checkpoint";

/** Where every signed checkpoint is kept, by size. */
export const CHECKPOINTS = "fleetsec/checkpoint";

/** The newest checkpoint that witnesses cosigned, with their cosignatures. */
export const COSIGNED = "fleetsec/cosigned";

/** A number as tlog-tiles writes it into paths: 1234067 is `x001/x234/067`. */
export function numberPath(n: number): string {
  const last = String(n % 1000).padStart(3, "0");
  return n < 1000 ? last : `${folderPath(Math.floor(n / 1000))}/${last}`;
}

function folderPath(n: number): string {
  const last = `x${String(n % 1000).padStart(3, "0")}`;
  return n < 1000 ? last : `${folderPath(Math.floor(n / 1000))}/${last}`;
}

/** The same read back, in that one form only; undefined for anything else. */
export function parseNumberPath(text: string): number | undefined {
  if (!/^(x\d{3}\/){0,5}\d{3}$/.test(text)) return undefined;
  const n = Number(text.replace(/[x/]/g, ""));
  return Number.isSafeInteger(n) && numberPath(n) === text ? n : undefined;
}

/** The records of batch `seq`, byte for byte as received. */
export function batchPath(seq: number): string {
  return `fleetsec/batch/${numberPath(seq)}.jsonl`;
}

/** The leaf hashes of the records of batch `seq`, one after the other. */
export function hashesPath(seq: number): string {
  return `fleetsec/hashes/${numberPath(seq)}`;
}

/** The signed checkpoint of that size. */
export function checkpointPath(size: number): string {
  return `${CHECKPOINTS}/${size}`;
}

/** The RFC 3161 token over the body of that checkpoint. */
export function tokenPath(size: number): string {
  return `fleetsec/tsr/${size}.tsr`;
}

/** What a path of the store holds. A tile's width is 256 where it is full. */
export type StoreFile =
  | { readonly kind: "checkpoint" | "cosigned" }
  | { readonly kind: "tile"; readonly level: number; readonly index: number; readonly width: number }
  | { readonly kind: "bundle"; readonly index: number; readonly width: number }
  | { readonly kind: "batch" | "hashes"; readonly seq: number }
  | { readonly kind: "signed-checkpoint" | "token"; readonly size: number };

/** What a store-relative path names, or undefined where the format knows no such file. */
export function parseStorePath(path: string): StoreFile | undefined {
  if (path === CHECKPOINT) return { kind: "checkpoint" };
  if (path === COSIGNED) return { kind: "cosigned" };
  if (path.startsWith("tile/")) return parseTilePath(path.slice("tile/".length));
  const [, folder, rest = ""] = /^fleetsec\/(batch|hashes|checkpoint|tsr)\/(.{1,64})$/.exec(path) ?? [];
  if (folder === "batch" || folder === "hashes") {
    const ending = folder === "batch" ? ".jsonl" : "";
    const seq = rest.endsWith(ending)
      ? parseNumberPath(rest.slice(0, rest.length - ending.length))
      : undefined;
    return seq === undefined ? undefined : { kind: folder, seq };
  }
  const [, digits] = (folder === "tsr" ? /^(\d{1,16})\.tsr$/ : /^(\d{1,16})$/).exec(rest) ?? [];
  const size = digits === undefined ? undefined : parseDecimal(digits);
  // nothing is signed, nor stamped, before there is a leaf
  if (folder === undefined || size === undefined || size === 0) return undefined;
  return { kind: folder === "tsr" ? "token" : "signed-checkpoint", size };
}

function parseTilePath(path: string): StoreFile | undefined {
  const [, level = "", n = "", partial] =
    /^(entries|\d{1,2})\/((?:x\d{3}\/){0,5}\d{3})(?:\.p\/(\d{1,3}))?$/.exec(path) ?? [];
  const index = parseNumberPath(n);
  const width = partial === undefined ? 256 : parseDecimal(partial);
  if (index === undefined || width === undefined) return undefined;
  if (partial !== undefined && (width < 1 || width > 255)) return undefined;
  if (level === "entries") return { kind: "bundle", index, width };
  const number = parseDecimal(level);
  // tlog-tiles: levels 0 to 63
  return number === undefined || number > 63 ? undefined : { kind: "tile", level: number, index, width };
}

/**
 * Where the signer keeps its own working state: beside the store and never in it, since the store
 * is what auditors get.
 */
export function signerStatePath(store: string): string {
  return join(dirname(store), `${basename(store)}.signer`);
}
