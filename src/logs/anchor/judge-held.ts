import { FleetsecError } from "../../errors.ts";
import { HASH_SIZE } from "../merkle.ts";
import type { LogStore } from "../store.ts";
import { withRangeRoots } from "../store-tree.ts";
import { tilePath, TILE_WIDTH } from "../tiles.ts";
import { openCheckpoint, type SignedCheckpoint } from "../verify/signed-checkpoint.ts";
import type { Trust } from "../verify/trust.ts";
import type { HeldNote } from "./place.ts";

/**
 * Holds a checkpoint that is to be published to those of the same log that a place has already. What
 * no key of the trust file signed says nothing about the log, and is passed over.
 * @throws FleetsecError `refused` where they are of a longer log or of another history; `input`
 *   where the store's tiles do not tell
 */
export async function judgeHeld(
  checkpoint: SignedCheckpoint,
  held: readonly HeldNote[],
  store: Pick<LogStore, "read">,
  trust: Trust,
): Promise<void> {
  const { origin, size } = checkpoint;
  const others = held.flatMap(({ source, bytes }) => {
    const opened = openCheckpoint(bytes, trust);
    return "code" in opened || opened.origin !== origin || opened.size === size
      ? []
      : [{ source, size: opened.size, root: opened.root }];
  });
  const longer = others.find((one) => one.size > size);
  if (longer !== undefined) {
    throw refused(
      `TAIL_TRUNCATED: the place has a newer checkpoint, of size ${longer.size}: ${longer.source}`,
    );
  }
  if (others.length === 0) return;
  const [own, ...roots] = await rootsOf(store, size, [size, ...others.map((one) => one.size)]);
  if (own?.equals(checkpoint.root) !== true) throw damaged("the tiles do not make the checkpoint's root");
  const other = others.find(({ root }, i) => roots[i]?.equals(root) !== true);
  if (other !== undefined) {
    throw refused(
      `INCONSISTENT_WITH_ANCHOR: the log is not a continuation of its checkpoint of size ${other.size}: ${other.source}`,
    );
  }
}

/** The roots that the store's tree of `size` leaves had at other sizes. */
function rootsOf(store: Pick<LogStore, "read">, size: number, sizes: readonly number[]): Promise<Buffer[]> {
  return withRangeRoots(
    size,
    async (tile) => {
      const hashes = await store.read(tilePath(tile), TILE_WIDTH * HASH_SIZE);
      if (hashes?.length === tile.width * HASH_SIZE) return hashes;
      throw damaged(`${tilePath(tile)} is not there, or short`);
    },
    (rootOf) => sizes.map((one) => Buffer.from(rootOf(0, one))),
  );
}

function refused(message: string): FleetsecError {
  return new FleetsecError("refused", message, { hint: "keep both, and run fleetsec verify-logs --anchor" });
}

function damaged(message: string): FleetsecError {
  return new FleetsecError("input", `the store is damaged: ${message}`, {
    hint: "run fleetsec verify-logs on the store",
  });
}
