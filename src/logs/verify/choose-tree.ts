import { CHECKPOINT } from "../layout.ts";
import { TILE_WIDTH } from "../tiles.ts";
import type { Anchor } from "./anchors.ts";
import type { Findings } from "./finding.ts";
import type { History } from "./history.ts";
import type { Inventory } from "./inventory.ts";
import { shorterThanTrust } from "./retired.ts";
import type { Trust } from "./trust.ts";

/** The tree that the store is held to. */
export interface ChosenTree {
  readonly size: number;
  /** Roots of that size that the log signed; more than one where it equivocated, none where nothing is signed. */
  readonly roots: readonly Uint8Array[];
}

/**
 * Chooses the largest tree that the log signed and of which the store has leaves: whoever puts an
 * old checkpoint back, or cuts off the tail, does not choose what is verified. Reports both.
 */
export function chooseTree(
  inventory: Inventory,
  { current, stored }: History,
  anchors: readonly Anchor[],
  { trust, origin }: { readonly trust: Trust; readonly origin: string | undefined },
  findings: Findings,
): ChosenTree {
  const extent = leavesIn(inventory);
  const own = [...(current === undefined ? [] : [current]), ...stored];
  const signed = [...own, ...anchors];
  // without a checkpoint to believe, all leaves that are there are looked at
  const newest = own.length === 0 ? extent : (current?.size ?? maximum(sizesOf(own)));
  const largest = maximum(sizesOf(signed));
  const size = Math.max(newest, maximum(sizesOf(signed).filter((one) => one <= extent)));
  const traces = Math.max(extent, maximum(sizesOf(stored)), (inventory.batches.at(-1) ?? -1) + 1);
  if (largest > newest && traces > newest) {
    findings.add({
      code: "ROLLBACK",
      path: CHECKPOINT,
      from: newest,
      to: largest,
      detail: `the checkpoint is of size ${newest}; the log signed one of size ${largest}`,
    });
  }
  if (largest > size) {
    findings.add({
      code: "TAIL_TRUNCATED",
      seq: size,
      from: size,
      to: largest,
      detail: `leaves ${size} to ${largest - 1} are gone; the log signed them`,
    });
  }
  // what is cut off by a checkpoint is not told twice
  const shorter = shorterThanTrust(trust, origin, Math.max(size, largest));
  if (shorter !== undefined) findings.add(shorter);
  const roots = signed.filter((one) => one.size === size).map(({ root }) => root);
  return { size, roots: distinct(roots) };
}

/** Leaves that the store's bundles have room for, by their names. */
export function leavesIn({ bundles: { full, partial } }: Inventory): number {
  let leaves = 0;
  for (const index of full) leaves = Math.max(leaves, (index + 1) * TILE_WIDTH);
  for (const [index, widths] of partial) {
    for (const width of widths) leaves = Math.max(leaves, index * TILE_WIDTH + width);
  }
  return leaves;
}

function sizesOf(checkpoints: readonly { readonly size: number }[]): number[] {
  return checkpoints.map(({ size }) => size);
}

/** Math.max takes its arguments from the stack: not for a hundred thousand of them. */
function maximum(numbers: readonly number[]): number {
  return numbers.reduce((most, number) => Math.max(most, number), 0);
}

function distinct(roots: readonly Uint8Array[]): Uint8Array[] {
  const seen = new Map(roots.map((root) => [Buffer.from(root).toString("hex"), root]));
  return [...seen.values()];
}
