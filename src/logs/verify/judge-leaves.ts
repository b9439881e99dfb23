import { HASH_SIZE, leafHash } from "../merkle.ts";
import { LEAF_HEADER } from "../leaf.ts";
import { bundlePath, TILE_WIDTH, tileWidth } from "../tiles.ts";
import { align, type Edit, placesAfter } from "./align.ts";
import { type Bundle, type BundleFile, bundlesIn, readBundle, splitBundleAtHeaders } from "./bundle.ts";
import { comparePartialBundles, reportBundle } from "./bundle-findings.ts";
import { getHash, knownTile } from "./hash-tree.ts";
import type { LeafSource, StoredLeaf } from "./leaf-source.ts";

/** The leaves of the store in order, without those that are not there. Reports what bundles got wrong. */
export async function* judgeLeaves(source: LeafSource): AsyncGenerator<StoredLeaf> {
  const { reader, inventory, size, pace } = source;
  for await (const { index, file, bundle } of bundlesIn(reader, inventory, size)) {
    await pace();
    if (file !== undefined && bundle !== undefined) yield* judgeBundle(source, index, file, bundle);
  }
}

async function* judgeBundle(
  source: LeafSource,
  index: number,
  file: BundleFile,
  read: Bundle,
): AsyncGenerator<StoredLeaf> {
  const { size, proved } = source;
  const width = Math.min(file.width, tileWidth(0, index, size));
  const signed = knownTile(proved, 0, index, width);
  const first = index * TILE_WIDTH;
  if (signed === undefined) {
    reportUnsettled(source, first, width, file.path);
    for (const [slot, bytes] of read.entries.slice(0, width).entries()) {
      yield judgeAlone(source, first + slot, bytes, file.path, read.offsets[slot] ?? 0);
    }
    return;
  }
  const { bundle, edits } = bestSplit(read, signed);
  reportBundle(source.findings, { path: file.path, first, width }, bundle, edits, signed);
  const places = placesAfter(edits, width, bundle.entries.length);
  const kept = new Set(edits.flatMap((edit) => (edit.kind === "altered" ? [edit.from] : [])));
  const leaves: (Buffer | undefined)[] = [];
  for (let slot = 0; slot < width; slot++) {
    const hash = signed.subarray(slot * HASH_SIZE, (slot + 1) * HASH_SIZE);
    const place = places[slot] ?? -1;
    const stored = place < 0 ? undefined : bundle.entries[place];
    const intact = stored !== undefined && !kept.has(slot);
    const recovered = intact ? stored : await recover(source, index, slot, hash);
    leaves.push(recovered);
    if (recovered !== undefined) yield { seq: first + slot, bytes: recovered, state: "proved", signed: hash };
    else if (stored !== undefined) yield { seq: first + slot, bytes: stored, state: "altered", signed: hash };
  }
  await comparePartialBundles(source, index, file.width, leaves, signed);
}

/** A root is proved, but neither bundle nor tile, nor any mixture that was tried, leads up to it here. */
function reportUnsettled({ proved, findings }: LeafSource, first: number, width: number, path: string): void {
  if (proved.levels.length === 0) return;
  const [from, to] = [first, first + width - 1];
  findings.add({
    code: "LEAF_MISMATCH",
    from,
    to,
    path,
    detail: `leaves ${from} to ${to} do not make the hash that was signed over them; too many are altered to say which`,
  });
}

/** A leaf of a bundle of which not every hash is proved. */
function judgeAlone(
  { proved, findings }: LeafSource,
  seq: number,
  bytes: Buffer,
  path: string,
  offset: number,
): StoredLeaf {
  const signed = getHash(proved, 0, seq);
  if (signed === undefined) return { seq, bytes, state: "unproved", signed };
  const hash = leafHash(bytes);
  if (hash.equals(signed)) return { seq, bytes, state: "proved", signed };
  findings.add({
    code: "LEAF_MISMATCH",
    seq,
    path,
    offset,
    detail: "the leaf is not the one that was signed",
    expected: signed.toString("hex"),
    found: hash.toString("hex"),
  });
  return { seq, bytes, state: "altered", signed };
}

/** The way to split the bundle in which more leaves are intact, and then less is to be explained. */
function bestSplit(read: Bundle, signed: Buffer): { readonly bundle: Bundle; readonly edits: Edit[] } {
  const edits = alignEntries(read, signed);
  const faults = edits.length + (read.end < read.bytes.length ? 1 : 0);
  if (faults < 2) return { bundle: read, edits };
  const other = splitBundleAtHeaders(read.bytes, LEAF_HEADER);
  const otherEdits = alignEntries(other, signed);
  // entries that are found in spite of their lengths: at least one length is altered
  const gain = lost(edits) - lost(otherEdits);
  const better = gain > 0 || (gain === 0 && otherEdits.length + 1 < faults);
  return better ? { bundle: other, edits: otherEdits } : { bundle: read, edits };
}

/** How many signed leaves are not there. */
function lost(edits: readonly Edit[]): number {
  return edits.filter(({ kind }) => kind === "altered" || kind === "deleted").length;
}

function alignEntries(bundle: Bundle, signed: Buffer): Edit[] {
  return align(signed, Buffer.concat(bundle.entries.map((entry) => leafHash(entry))));
}

/** The leaf with that hash from another partial bundle of the block. */
async function recover(
  source: LeafSource,
  index: number,
  slot: number,
  hash: Buffer,
): Promise<Buffer | undefined> {
  const { reader, inventory } = source;
  for (const width of inventory.bundles.partial.get(index) ?? []) {
    if (width <= slot) continue;
    const entry = (await readBundle(reader, bundlePath(index, width)))?.entries[slot];
    if (entry !== undefined && leafHash(entry).equals(hash)) return entry;
  }
  return undefined;
}
