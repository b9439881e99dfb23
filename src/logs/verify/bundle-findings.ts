import { HASH_SIZE, leafHash } from "../merkle.ts";
import { bundlePath, encodeBundle, TILE_WIDTH, tileWidth } from "../tiles.ts";
import type { Edit } from "./align.ts";
import { type Bundle, BUNDLES_ABREAST, MAX_BUNDLE, MAX_ENTRIES, splitBundle } from "./bundle.ts";
import type { Finding, Findings } from "./finding.ts";
import { inOrder } from "./in-order.ts";
import type { LeafSource } from "./leaf-source.ts";

/** Places with surplus entries that are reported one by one. */
const MAX_SURPLUS = 10;

/** Where a bundle belongs. */
export interface BundlePlace {
  readonly path: string;
  /** The leaf that the bundle begins with. */
  readonly first: number;
  readonly width: number;
}

/** Reports how a bundle differs from the leaves that were signed: each fault once. */
export function reportBundle(
  findings: Findings,
  place: BundlePlace,
  bundle: Bundle,
  edits: readonly Edit[],
  signed: Buffer,
): void {
  const { path, first, width } = place;
  const rest = restText(bundle);
  if (edits.length === 0 && rest === undefined) return reportLengths(findings, place, bundle);
  const lost = edits.filter(({ kind }) => kind === "altered" || kind === "deleted").length;
  if (lost === width && width > 1 && bundle.bytes.length > 0) {
    const [from, to] = [first, first + width - 1];
    const detail = `the bundle holds none of its leaves, ${from} to ${to}`;
    findings.add({ code: "LEAF_MISMATCH", seq: from, from, to, path, offset: 0, detail });
    return;
  }
  const runs = runsOf(edits);
  const last = runs.at(-1);
  const fragment = last === undefined || rest === undefined ? "" : fragmentText(last, rest, bundle, width);
  const surplus = runs.filter(({ first: { kind } }) => kind === "inserted" || kind === "duplicated");
  const told = new Set(surplus.slice(0, MAX_SURPLUS));
  for (const run of runs) {
    if (surplus.includes(run) && !told.has(run)) continue;
    findings.add(describe(place, bundle, run, signed, run === last ? fragment : ""));
  }
  if (surplus.length > MAX_SURPLUS) {
    const more = surplus.slice(MAX_SURPLUS).reduce((sum, { count }) => sum + count, 0);
    const detail = `${more} more entries that the signed tree does not have`;
    findings.add({ code: "BUNDLE_SURPLUS", path, detail });
  }
  if (rest !== undefined && fragment === "") {
    findings.add({ code: "BUNDLE_SURPLUS", path, offset: bundle.end, detail: rest });
  }
}

/** What follows the entries; undefined where nothing does. */
function restText({ bytes, entries, end }: Bundle): string | undefined {
  const rest = bytesText(bytes.length - end);
  const what =
    entries.length < MAX_ENTRIES ? `${rest} that are no entry` : `${rest} in which no more were looked for`;
  if (bytes.length <= MAX_BUNDLE) return bytes.length === end ? undefined : what;
  return `${what}; the file is longer than ${MAX_BUNDLE} bytes, the most that a bundle can have, and was not read further`;
}

/** Where the last leaves are missing, or entries follow, the bytes that are none are the same fault. */
function fragmentText({ first, count }: Run, rest: string, { entries }: Bundle, width: number): string {
  if (first.kind === "deleted" && first.from + count === width) return `; there stand ${rest}`;
  if (first.kind === "inserted" && first.at + count === entries.length) return `, and ${rest}`;
  return "";
}

/** Leaves that are missing, or entries that were added, next to each other; anything else is alone. */
interface Run {
  readonly first: Edit;
  readonly count: number;
}

function runsOf(edits: readonly Edit[]): Run[] {
  const runs: Run[] = [];
  for (const edit of edits) {
    const run = runs.at(-1);
    if (run !== undefined && continues(run, edit)) runs[runs.length - 1] = { ...run, count: run.count + 1 };
    else runs.push({ first: edit, count: 1 });
  }
  return runs;
}

function continues({ first, count }: Run, edit: Edit): boolean {
  if (first.kind === "deleted") return edit.kind === "deleted" && edit.from === first.from + count;
  return first.kind === "inserted" && edit.kind === "inserted" && edit.at === first.at + count;
}

function describe(
  { path, first }: BundlePlace,
  bundle: Bundle,
  { first: edit, count }: Run,
  signed: Buffer,
  fragment: string,
): Finding {
  const offset = bundle.offsets[edit.at] ?? bundle.end;
  switch (edit.kind) {
    case "altered":
      return {
        code: "LEAF_MISMATCH",
        seq: first + edit.from,
        path,
        offset,
        detail: "the leaf is not the one that was signed",
        expected: signed.toString("hex", edit.from * HASH_SIZE, (edit.from + 1) * HASH_SIZE),
        found: leafHash(bundle.entries[edit.at] ?? Buffer.alloc(0)).toString("hex"),
      };
    case "deleted": {
      const [from, to] = [first + edit.from, first + edit.from + count - 1];
      const which =
        count === 1 ? "the leaf is missing from its bundle" : `leaves ${from} to ${to} are missing`;
      return {
        code: "TILE_MISSING",
        seq: from,
        ...(count === 1 ? {} : { from, to }),
        path,
        offset,
        detail: which + fragment,
      };
    }
    case "moved": {
      const [from, to] = [first + edit.from, first + edit.at];
      const detail = `leaf ${from} stands in the place of leaf ${to}`;
      return { code: "BUNDLE_ORDER", seq: from, path, offset, from, to, detail };
    }
    case "inserted": {
      const what = count === 1 ? "an entry" : `${count} entries`;
      const detail = `${what} that the signed tree does not have${fragment}`;
      return { code: "BUNDLE_SURPLUS", path, offset, detail };
    }
    case "duplicated":
      return { code: "BUNDLE_SURPLUS", path, offset, detail: `a second copy of leaf ${first + edit.from}` };
  }
}

/** All leaves are there; so one of the lengths before them is not as it was written. */
function reportLengths(findings: Findings, { path, first, width }: BundlePlace, bundle: Bundle): void {
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

function bytesText(count: number): string {
  return count === 1 ? "1 byte" : `${count} bytes`;
}

/** Every other partial bundle of the block must hold the same leaves, from the first on. */
export async function comparePartialBundles(
  { reader, inventory, findings, size }: LeafSource,
  index: number,
  judged: number,
  leaves: readonly (Buffer | undefined)[],
  signed: Buffer,
): Promise<void> {
  const widths = (inventory.bundles.partial.get(index) ?? []).filter(
    (width) => width !== judged && width <= tileWidth(0, index, size),
  );
  if (widths.length === 0) return;
  const known = leaves.includes(undefined) ? undefined : encodeBundle(leaves as Buffer[]);
  const ends = known === undefined ? [] : endsOf(leaves as Buffer[]);
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
