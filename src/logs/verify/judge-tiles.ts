import { HASH_SIZE } from "../merkle.ts";
import { bundlePath, levelSize, type Tile, tilePath, TILE_WIDTH, tileWidth } from "../tiles.ts";
import type { Finding, Findings } from "./finding.ts";
import { getHash, type HashTree } from "./hash-tree.ts";
import { inOrder } from "./in-order.ts";
import type { Inventory, TileFiles } from "./inventory.ts";
import { gapsIn, reportGaps } from "./gaps.ts";
import type { Pace } from "./pace.ts";
import type { StoreReader } from "./store.ts";

interface TileSource {
  readonly reader: StoreReader;
  readonly inventory: Inventory;
  readonly size: number;
  /** Whether it is a store of ours, which holds nothing beyond its tree. */
  readonly ours: boolean;
  /** What the tiles must hold, as far as the signed root proves it. */
  readonly proved: HashTree;
  /** What the bundles say that they must hold. */
  readonly bundles: HashTree;
  readonly findings: Findings;
  readonly pace: Pace;
}

/**
 * Compares every tile with what the tree says it must hold, reports tiles and bundles that are
 * missing, and those beyond the tree.
 */
export async function judgeTiles(source: TileSource): Promise<void> {
  const { reader, inventory, size, ours, findings, pace } = source;
  const read = inOrder(tilesIn(source), reader.abreast, (tile) =>
    reader.read(tilePath(tile), TILE_WIDTH * HASH_SIZE),
  );
  for await (const [tile, bytes] of read) {
    await pace();
    if (bytes !== undefined) judgeTile(source, tile, bytes);
  }
  for (const { index, width } of widthsOf(inventory.bundles)) {
    if (ours && index * TILE_WIDTH + width > size) reportBeyond(findings, bundlePath(index, width), size);
  }
  reportMissing(inventory, size, findings);
}

function* widthsOf({
  full,
  partial,
}: TileFiles): Generator<{ readonly index: number; readonly width: number }> {
  for (const index of full) yield { index, width: TILE_WIDTH };
  for (const [index, widths] of partial) for (const width of widths) yield { index, width };
}

/** The tiles within the tree; those beyond it are reported. */
function* tilesIn({ inventory, size, ours, findings }: TileSource): Generator<Tile> {
  for (const [level, files] of inventory.tiles) {
    for (const { index, width } of widthsOf(files)) {
      const tile = { level, index, width };
      if (index * TILE_WIDTH + width <= levelSize(level, size)) yield tile;
      else if (ours) reportBeyond(findings, tilePath(tile), size);
    }
  }
}

function judgeTile({ size, proved, bundles, findings }: TileSource, tile: Tile, bytes: Buffer): void {
  const { level, index, width } = tile;
  const path = tilePath(tile);
  if (bytes.length > width * HASH_SIZE) {
    findings.add({
      code: "TILE_ALTERED",
      path,
      offset: width * HASH_SIZE,
      detail: "bytes follow the last hash",
    });
  } else if (bytes.length < width * HASH_SIZE) {
    findings.add({
      code: "TILE_MISSING",
      path,
      offset: bytes.length,
      detail: `the tile is cut short: ${bytes.length} of ${width * HASH_SIZE} bytes`,
    });
  }
  const newest = width === tileWidth(level, index, size);
  const code = newest ? "TILE_ALTERED" : "TILE_CONFLICT";
  const differing: Finding[] = [];
  let compared = 0;
  for (let slot = 0; slot < width && (slot + 1) * HASH_SIZE <= bytes.length; slot++) {
    const signed = getHash(proved, level, index * TILE_WIDTH + slot);
    const expected = signed ?? getHash(bundles, level, index * TILE_WIDTH + slot);
    const found = bytes.subarray(slot * HASH_SIZE, (slot + 1) * HASH_SIZE);
    if (expected === undefined) continue;
    compared += 1;
    if (expected.equals(found)) continue;
    differing.push({
      code,
      ...(level === 0 ? { seq: index * TILE_WIDTH + slot } : {}),
      path,
      offset: slot * HASH_SIZE,
      slot,
      detail:
        signed === undefined
          ? `hash ${slot} is not that of the leaf in the bundle; the signed root settles neither`
          : newest
            ? `hash ${slot} is not that of the tree`
            : `hash ${slot} of the partial tile contradicts the full one`,
      expected: expected.toString("hex"),
      found: found.toString("hex"),
    });
  }
  if (differing.length > 1 && differing.length === compared) {
    // another tile, or noise: one fault
    findings.add({ code, path, offset: 0, detail: `none of its ${compared} hashes is that of the tree` });
  } else for (const finding of differing) findings.add(finding);
}

function reportBeyond(findings: Findings, path: string, size: number): void {
  findings.add({ code: "UNEXPECTED_FILE", path, detail: `it is beyond the signed tree of ${size} leaves` });
}

/** Full tiles, the newest partial ones, and those of every checkpoint whose block is not full yet. */
function reportMissing(inventory: Inventory, size: number, findings: Findings): void {
  for (let level = 0; levelSize(level, size) > 0; level++) {
    const tiles = inventory.tiles.get(level);
    missingOf(inventory, size, level, tiles, (index, width) => tilePath({ level, index, width }), findings);
  }
  missingOf(inventory, size, 0, inventory.bundles, bundlePath, findings);
}

function missingOf(
  inventory: Inventory,
  size: number,
  level: number,
  files: TileFiles | undefined,
  pathOf: (index: number, width: number) => string,
  findings: Findings,
): void {
  const missing = (path: string, detail: string) => {
    if (!inventory.irregular.has(path)) findings.add({ code: "TILE_MISSING", path, detail });
  };
  const last = Math.floor(levelSize(level, size) / TILE_WIDTH);
  const full = [...(files?.full ?? [])].sort((a, b) => a - b);
  reportGaps(gapsIn(full, last), (from, to) =>
    missing(
      pathOf(from, TILE_WIDTH),
      from === to ? "it is missing" : `it and all up to ${pathOf(to, TILE_WIDTH)} are missing`,
    ),
  );
  const present = new Set(files?.partial.get(last) ?? []);
  const needed = new Set<number>();
  for (const checkpoint of [...inventory.checkpoints, size]) {
    const hashes = levelSize(level, checkpoint);
    if (checkpoint <= size && Math.floor(hashes / TILE_WIDTH) === last) needed.add(hashes % TILE_WIDTH);
  }
  for (const width of [...needed].sort((a, b) => a - b)) {
    if (width > 0 && !present.has(width)) missing(pathOf(last, width), "it is missing");
  }
}
