import { FleetsecError } from "../../errors.ts";
import type { FileKind } from "../../platform/files.ts";
import { parseStorePath } from "../layout.ts";
import { TILE_WIDTH } from "../tiles.ts";
import type { Findings } from "./finding.ts";
import type { Pace } from "./pace.ts";
import type { StoreReader } from "./store.ts";

/** Tiles of one level, or entry bundles, by index. */
export interface TileFiles {
  readonly full: ReadonlySet<number>;
  /** Widths of the partial ones. */
  readonly partial: ReadonlyMap<number, readonly number[]>;
}

/** The regular files of a store, by what they are named to be; numbers ascend. */
export interface Inventory {
  readonly checkpoint: boolean;
  readonly cosigned: boolean;
  /** Sizes under fleetsec/checkpoint/. */
  readonly checkpoints: readonly number[];
  readonly tokens: readonly number[];
  readonly tiles: ReadonlyMap<number, TileFiles>;
  readonly bundles: TileFiles;
  readonly batches: readonly number[];
  readonly sidecars: readonly number[];
  /** Paths of the format that hold no regular file. They are reported already. */
  readonly irregular: ReadonlySet<string>;
}

/** More names than any store has: a log of a century of 5-minute batches has half of it. */
const MAX_FILES = 50_000_000;
/** Nothing deeper, longer or otherwise named leads to a file of the format. */
const FOLDERS =
  /^(tile|tile\/(entries|\d{1,2})(\/x\d{3}){0,5}(\/\d{3}\.p)?|fleetsec(\/(batch|hashes)(\/x\d{3}){0,5}|\/checkpoint|\/tsr)?)$/;
/** What another program's tile log has that is judged. */
const FOREIGN = /^(checkpoint|tile)($|\/)/;
const MAX_IRREGULAR = 10_000;

/**
 * Lists a store. Whatever the format does not name, and whatever is no regular file, is
 * UNEXPECTED_FILE.
 * @param ours whether it is a store of ours; of another program's, only what tlog-tiles names is looked at
 * @throws FleetsecError where the store itself cannot be read, or has more than 50 million files
 */
export async function takeInventory(
  reader: Pick<StoreReader, "list" | "name">,
  ours: boolean,
  findings: Findings,
  pace: Pace,
): Promise<Inventory> {
  const found = emptyInventory();
  let names = 0;
  const visit = (path: string, kind: FileKind): boolean => {
    names += 1;
    if (names > MAX_FILES) {
      throw new FleetsecError("input", `${reader.name} holds more than ${MAX_FILES} files`, {
        hint: "check that this is a log's store",
      });
    }
    if (!ours && !FOREIGN.test(path)) return false;
    if (kind === "directory" && FOLDERS.test(path)) return true;
    place(found, path, kind, findings);
    return false;
  };
  await reader.list(visit, pace);
  for (const numbers of [found.checkpoints, found.tokens, found.batches, found.sidecars]) {
    numbers.sort((a, b) => a - b);
  }
  return found;
}

interface MutableTileFiles {
  readonly full: Set<number>;
  readonly partial: Map<number, number[]>;
}

function emptyInventory() {
  return {
    checkpoint: false,
    cosigned: false,
    checkpoints: [] as number[],
    tokens: [] as number[],
    tiles: new Map<number, MutableTileFiles>(),
    bundles: emptyTileFiles(),
    batches: [] as number[],
    sidecars: [] as number[],
    irregular: new Set<string>(),
  };
}

function emptyTileFiles(): MutableTileFiles {
  return { full: new Set(), partial: new Map() };
}

function place(
  found: ReturnType<typeof emptyInventory>,
  path: string,
  kind: FileKind,
  findings: Findings,
): void {
  const file = parseStorePath(path);
  if (file === undefined || kind !== "file") {
    findings.add({ code: "UNEXPECTED_FILE", path, detail: unexpected(file !== undefined, kind) });
    if (file !== undefined && found.irregular.size < MAX_IRREGULAR) found.irregular.add(path);
    return;
  }
  switch (file.kind) {
    case "checkpoint":
      found.checkpoint = true;
      return;
    case "cosigned":
      found.cosigned = true;
      return;
    case "signed-checkpoint":
      found.checkpoints.push(file.size);
      return;
    case "token":
      found.tokens.push(file.size);
      return;
    case "batch":
      found.batches.push(file.seq);
      return;
    case "hashes":
      found.sidecars.push(file.seq);
      return;
    case "bundle":
      return addTile(found.bundles, file.index, file.width);
    case "tile": {
      const level = found.tiles.get(file.level) ?? emptyTileFiles();
      found.tiles.set(file.level, level);
      addTile(level, file.index, file.width);
    }
  }
}

function addTile(files: MutableTileFiles, index: number, width: number): void {
  if (width === TILE_WIDTH) {
    files.full.add(index);
    return;
  }
  const widths = files.partial.get(index);
  if (widths === undefined) files.partial.set(index, [width]);
  else widths.push(width);
}

const KINDS = {
  file: "a file",
  directory: "a directory",
  symlink: "a symbolic link (it is not followed)",
  other: "something that is no file",
} as const satisfies Record<FileKind, string>;

function unexpected(named: boolean, kind: FileKind): string {
  return named
    ? `${KINDS[kind]} stands where a file of the log belongs`
    : `${KINDS[kind]} that is none of the log's`;
}
