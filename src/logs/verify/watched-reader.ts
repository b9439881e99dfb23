import { parseStorePath } from "../layout.ts";
import { lowerBound } from "../lower-bound.ts";
import { TILE_WIDTH } from "../tiles.ts";
import type { Inventory, TileFiles } from "./inventory.ts";
import type { StoreReader } from "./store.ts";

/**
 * The same reader, which remembers also what was there when the store was listed and is gone when it
 * is to be read: that was not verified, and nothing says that it is missing.
 */
export function watchedReader(reader: StoreReader, inventory: Inventory): StoreReader {
  const gone = new Map<string, string>();
  const note = (path: string): undefined => {
    if (reader.unreadable.has(path) || !isListed(inventory, path)) return undefined;
    gone.set(path, "it was there when the store was listed, and is gone");
    return undefined;
  };
  return {
    ...reader,
    get unreadable() {
      return new Map([...reader.unreadable, ...gone]);
    },
    size: async (path) => (await reader.size(path)) ?? note(path),
    read: async (path, maxBytes) => (await reader.read(path, maxBytes)) ?? note(path),
    async withFile(path, use) {
      let isThere = false;
      const result = await reader.withFile(path, (file) => {
        isThere = true;
        return use(file);
      });
      return isThere ? result : note(path);
    },
  };
}

function isListed(inventory: Inventory, path: string): boolean {
  const file = parseStorePath(path);
  switch (file?.kind) {
    case undefined:
      return false;
    case "checkpoint":
      return inventory.checkpoint;
    case "cosigned":
      return inventory.cosigned;
    case "signed-checkpoint":
      return includes(inventory.checkpoints, file.size);
    case "token":
      return includes(inventory.tokens, file.size);
    case "batch":
      return includes(inventory.batches, file.seq);
    case "hashes":
      return includes(inventory.sidecars, file.seq);
    case "bundle":
      return hasTile(inventory.bundles, file.index, file.width);
    case "tile":
      return hasTile(inventory.tiles.get(file.level), file.index, file.width);
  }
}

function hasTile(files: TileFiles | undefined, index: number, width: number): boolean {
  if (width === TILE_WIDTH) return files?.full.has(index) ?? false;
  return files?.partial.get(index)?.includes(width) ?? false;
}

/** Whether one of the numbers, which ascend, is that one: there may be millions. */
function includes(numbers: readonly number[], wanted: number): boolean {
  return numbers[lowerBound(numbers.length, (i) => (numbers[i] as number) >= wanted)] === wanted;
}
