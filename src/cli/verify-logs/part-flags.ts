import { FleetsecError } from "../../errors.ts";
import type { Part } from "../../logs/verify/part.ts";
import type { BatchRange } from "../../logs/verify/verification.ts";

export interface PartFlags {
  readonly range?: string;
  readonly shard?: string;
  readonly partial?: string;
  readonly merge?: readonly string[];
}

/** Which batches are read, and whether that is one part of several. */
export interface AskedBatches {
  /** The window that --range alone is. */
  readonly range: BatchRange | undefined;
  /** What --partial writes the result of. */
  readonly part: Part | undefined;
}

/** @throws FleetsecError `usage` */
export function batchesFlag({ range, shard, partial }: PartFlags): AskedBatches {
  if (range !== undefined && shard !== undefined) {
    throw new FleetsecError("usage", "name --range or --shard, not both");
  }
  const part = range === undefined ? shardOf(shard) : rangeFlag(range);
  if (partial === undefined && shard !== undefined) {
    throw new FleetsecError("usage", "--shard is one part of a verification, and --partial is missing", {
      hint: "name the file for --merge with --partial FILE",
    });
  }
  if (partial !== undefined && part === undefined) {
    throw new FleetsecError("usage", "--partial needs --range A..B or --shard I/N");
  }
  if (partial !== undefined) return { range: undefined, part };
  return { range: range === undefined ? undefined : rangeFlag(range), part: undefined };
}

/** `A..B`: from batch A to before batch B; `A..` to the end. */
function rangeFlag(text: string): BatchRange {
  const [, from, to] = /^(\d{1,15})\.\.(\d{1,15})?$/.exec(text) ?? [];
  const range = { from: Number(from), to: to === undefined ? Number.POSITIVE_INFINITY : Number(to) };
  if (range.from < range.to) return range;
  throw new FleetsecError("usage", `--range is not A..B: ${text}`, {
    hint: "write it as 0..500 for batches 0 to 499, or 500.. for those from 500 on",
  });
}

const MAX_SHARDS = 9999;

function shardOf(text: string | undefined): Part | undefined {
  if (text === undefined) return undefined;
  const [, index = 0, count = 0] = (/^(\d{1,4})\/(\d{1,4})$/.exec(text) ?? []).map(Number);
  if (index >= 1 && index <= count) return { index, count };
  throw new FleetsecError("usage", `--shard is not I/N: ${text}`, {
    hint: `write it as 2/5 for the second of five parts; at most ${MAX_SHARDS}`,
  });
}

/** @throws FleetsecError `usage` for flags that what is done has no use for */
export function refuseFlags(mode: string, flags: object, allowed: readonly string[], hint: string): void {
  const names = Object.keys(flags).filter((name) => !allowed.includes(name));
  if (names.length === 0) return;
  const spelt = names.map((name) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
  throw new FleetsecError("usage", `${mode} does not take ${spelt.join(", ")}`, { hint });
}
