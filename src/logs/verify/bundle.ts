import { FleetsecError } from "../../errors.ts";
import { type BatchLeaf, parseLeaf } from "../leaf.ts";
import { bundlePath, levelSize, MAX_ENTRY, TILE_WIDTH, tileWidth } from "../tiles.ts";
import { inOrder } from "./in-order.ts";
import type { Inventory } from "./inventory.ts";
import type { StoreReader } from "./store.ts";

/** Entries of a bundle as far as they can be told apart. */
export interface Bundle {
  readonly bytes: Buffer;
  readonly entries: readonly Buffer[];
  /** Where each entry's length stands. */
  readonly offsets: readonly number[];
  /** Where bytes begin that are no whole entry, or were not looked at: there are as many entries as are told apart. */
  readonly end: number;
}

/** Bytes of the longest bundle. */
export const MAX_BUNDLE = TILE_WIDTH * (2 + MAX_ENTRY);
/** More are surplus whatever they hold; a bundle of empty entries must not become millions of them. */
export const MAX_ENTRIES = 4 * TILE_WIDTH;

/** Splits a bundle by its lengths, however many entries there are and whatever follows them. */
export function splitBundle(bytes: Buffer): Bundle {
  const entries: Buffer[] = [];
  const offsets: number[] = [];
  let at = 0;
  while (at + 2 <= bytes.length && entries.length < MAX_ENTRIES) {
    const next = at + 2 + bytes.readUInt16BE(at);
    if (next > bytes.length) break;
    offsets.push(at);
    entries.push(bytes.subarray(at + 2, next));
    at = next;
  }
  return { bytes, entries, offsets, end: at };
}

/**
 * Splits a bundle at the header that each batch's leaf begins with. An altered length derails
 * `splitBundle`; this finds the entries again.
 */
export function splitBundleAtHeaders(bytes: Buffer, header: string): Bundle {
  const starts: number[] = [];
  for (let at = bytes.indexOf(header, 2); at >= 0; at = bytes.indexOf(header, at + 1)) {
    if (starts.push(at) === MAX_ENTRIES) break;
  }
  const entries = starts.map((start, i) => {
    const next = starts[i + 1];
    return bytes.subarray(start, next === undefined ? bytes.length : Math.max(start, next - 2));
  });
  return { bytes, entries, offsets: starts.map((start) => start - 2), end: bytes.length };
}

export interface BundleFile {
  readonly path: string;
  readonly width: number;
  readonly exact: boolean;
}

/** The file that holds a block's entries in a tree of `size` leaves, or the best that is left of it. */
export function bundleFileOf(inventory: Inventory, index: number, size: number): BundleFile | undefined {
  const width = tileWidth(0, index, size);
  const { full, partial } = inventory.bundles;
  const widths = [...(partial.get(index) ?? []), ...(full.has(index) ? [TILE_WIDTH] : [])];
  if (width === 0 || widths.length === 0) return undefined;
  const best = widths.includes(width) ? width : Math.max(...widths);
  return { path: bundlePath(index, best), width: best, exact: best === width };
}

/** Indexes of the blocks of which the store has any bundle, within a tree of `size` leaves; ascending. */
function bundleIndexes(inventory: Inventory, size: number): number[] {
  const { full, partial } = inventory.bundles;
  const blocks = Math.ceil(levelSize(0, size) / TILE_WIDTH);
  return [...new Set([...full, ...partial.keys()])].filter((index) => index < blocks).sort((a, b) => a - b);
}

/** Bundles that are read at once, at most: each takes 16 MB where it is made to. */
export const BUNDLES_ABREAST = 4;

/** Every block of which the store has any bundle, in order, with what can be read of it. */
export async function* bundlesIn(
  reader: StoreReader,
  inventory: Inventory,
  size: number,
): AsyncGenerator<{
  readonly index: number;
  readonly file: BundleFile | undefined;
  readonly bundle: Bundle | undefined;
}> {
  const width = Math.min(reader.abreast, BUNDLES_ABREAST);
  const read = inOrder(bundleIndexes(inventory, size), width, async (index) => {
    const file = bundleFileOf(inventory, index, size);
    return { file, bundle: file === undefined ? undefined : await readBundle(reader, file.path) };
  });
  for await (const [index, found] of read) yield { index, ...found };
}

export async function readBundle(reader: StoreReader, path: string): Promise<Bundle | undefined> {
  const bytes = await reader.read(path, MAX_BUNDLE);
  return bytes === undefined ? undefined : splitBundle(bytes);
}

/** What an entry says, where it is a leaf of ours; what is none is reported where leaves are judged. */
export function leafIn(entry: Buffer): BatchLeaf | undefined {
  try {
    return parseLeaf(entry);
  } catch (error) {
    if (error instanceof FleetsecError) return undefined;
    throw error;
  }
}

/** What a batch's leaf is by the bundle, whether or not it was signed so; undefined where there is none. */
export async function storedLeaf(
  reader: StoreReader,
  inventory: Inventory,
  size: number,
  seq: number,
): Promise<BatchLeaf | undefined> {
  const file = bundleFileOf(inventory, Math.floor(seq / TILE_WIDTH), size);
  const bundle = file === undefined ? undefined : await readBundle(reader, file.path);
  const entry = bundle?.entries[seq % TILE_WIDTH];
  return entry === undefined ? undefined : leafIn(entry);
}
