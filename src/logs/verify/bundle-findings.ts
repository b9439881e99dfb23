import { HASH_SIZE, leafHash } from "../merkle.ts";
import { bundlePath, encodeBundle, TILE_WIDTH, tileWidth } from "../tiles.ts";
import type { Edit } from "./align.ts";
import { type Bundle, BUNDLES_ABREAST, MAX_BUNDLE, splitBundle } from "./bundle.ts";
import type { Findings } from "./finding.ts";
import { inOrder } from "./in-order.ts";
import type { LeafSource } from "./leaf-source.ts";

/** Surplus entries of a bundle that are reported one by one. */
const MAX_SURPLUS = 10;

/** Where a bundle belongs. */
export interface BundlePlace {
  readonly path: string;
  /** The leaf that the bundle begins with. */
  readonly first: number;
  readonly width: number;
}

/** Reports how a bundle differs from the leaves that were signed. */
export function reportBundle(
  findings: Findings,
  { path, first, width }: BundlePlace,
  bundle: Bundle,
  edits: readonly Edit[],
  signed: Buffer,
): void {
  const offsetOf = (at: number) => bundle.offsets[at] ?? bundle.end;
  let surplus = 0;
  for (const edit of edits) {
    const offset = offsetOf(edit.at);
    switch (edit.kind) {
      case "altered":
        findings.add({
          code: "LEAF_MISMATCH",
          seq: first + edit.from,
          path,
          offset,
          detail: "the leaf is not the one that was signed",
          expected: signed.toString("hex", edit.from * HASH_SIZE, (edit.from + 1) * HASH_SIZE),
          found: leafHash(bundle.entries[edit.at] ?? Buffer.alloc(0)).toString("hex"),
        });
        break;
      case "deleted":
        findings.add({
          code: "TILE_MISSING",
          seq: first + edit.from,
          path,
          offset,
          detail: "the leaf is missing from its bundle",
        });
        break;
      case "moved":
        findings.add({
          code: "BUNDLE_ORDER",
          seq: first + edit.from,
          path,
          offset,
          from: first + edit.from,
          to: first + edit.at,
          detail: `leaf ${first + edit.from} stands in the place of leaf ${first + edit.at}`,
        });
        break;
      case "inserted":
      case "duplicated":
        surplus += 1;
        if (surplus > MAX_SURPLUS) break;
        findings.add({
          code: "BUNDLE_SURPLUS",
          path,
          offset,
          detail:
            edit.kind === "inserted"
              ? "an entry that the signed tree does not have"
              : `a second copy of leaf ${first + edit.from}`,
        });
    }
  }
  if (surplus > MAX_SURPLUS) {
    const detail = `${surplus - MAX_SURPLUS} more entries that the signed tree does not have`;
    findings.add({ code: "BUNDLE_SURPLUS", path, detail });
  }
  if (bundle.end < bundle.bytes.length) {
    findings.add({
      code: "BUNDLE_SURPLUS",
      path,
      offset: bundle.end,
      detail: `${bundle.bytes.length - bundle.end} bytes that are no entry`,
    });
  } else if (edits.length === 0) {
    const canonical = encodeBundle(bundle.entries.slice(0, width));
    const offset = firstDifference(canonical, bundle.bytes);
    if (offset === undefined) return;
    const slot = Math.max(
      0,
      bundle.offsets.findLastIndex((start) => start <= offset),
    );
    findings.add({
      code: "LEAF_MISMATCH",
      seq: first + slot,
      path,
      offset,
      detail: "the length before the leaf is altered; the leaf itself is intact",
    });
  }
}

/** Every other partial bundle of the block must hold the same leaves, from the first on. */
export async function comparePartialBundles(
  { reader, inventory, findings, size }: LeafSource,
  index: number,
  judged: number,
  leaves: readonly (Buffer | undefined)[],
  signed: Buffer,
): Promise<void> {
  const known = leaves.includes(undefined) ? undefined : encodeBundle(leaves as Buffer[]);
  const ends = known === undefined ? [] : endsOf(leaves as Buffer[]);
  const widths = (inventory.bundles.partial.get(index) ?? []).filter(
    (width) => width !== judged && width <= tileWidth(0, index, size),
  );
  const abreast = Math.min(reader.abreast, BUNDLES_ABREAST);
  const read = inOrder(widths, abreast, (width) => reader.read(bundlePath(index, width), MAX_BUNDLE));
  for await (const [width, bytes] of read) {
    const path = bundlePath(index, width);
    const end = ends[width - 1];
    if (bytes === undefined) continue;
    if (known !== undefined && end !== undefined && bytes.equals(known.subarray(0, end))) continue;
    const { entries, offsets, end: parsed } = splitBundle(bytes);
    const hashes = entries.map((entry) => leafHash(entry));
    const slot = Array.from({ length: width }, (_, i) => i).find(
      (i) => hashes[i]?.equals(signed.subarray(i * HASH_SIZE, (i + 1) * HASH_SIZE)) !== true,
    );
    if (slot === undefined && entries.length === width && parsed === bytes.length) continue;
    findings.add({
      code: "TILE_CONFLICT",
      ...(slot === undefined ? {} : { seq: index * TILE_WIDTH + slot }),
      path,
      offset: slot === undefined ? (offsets[width] ?? parsed) : (offsets[slot] ?? parsed),
      detail: "the partial bundle is not the beginning of the full one",
    });
  }
}

/** Where each entry ends in the bundle that the leaves make. */
function endsOf(leaves: readonly Buffer[]): number[] {
  let end = 0;
  return leaves.map((leaf) => (end += 2 + leaf.length));
}

/** The first offset at which they differ, or at which the shorter ends; undefined where they are equal. */
export function firstDifference(a: Buffer, b: Buffer): number | undefined {
  if (a.equals(b)) return undefined;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return i;
  return a.length === b.length ? undefined : length;
}
