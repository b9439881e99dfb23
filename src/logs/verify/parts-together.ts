import { FleetsecError } from "../../errors.ts";
import type { PartResult } from "./part-result.ts";
import type { NamedPart } from "./sound-part.ts";

/** What is the same in all parts of one verification, and what it means where it is not. */
const SAME: readonly (readonly [string, (result: PartResult) => unknown])[] = [
  ["--since, --until or --max-age", ({ asked }) => [asked.since, asked.until, asked.maxAge]],
  ["the certificates of --tsa-ca", ({ asked }) => asked.authorities],
  ["the anchors", ({ asked }) => asked.anchors],
  ["the checkpoint in --state", ({ kept }) => kept],
  ["the size of the log", ({ examination }) => examination.whole.size],
  ["the checkpoint of the log", ({ checkpoint, examination }) => [checkpoint, examination.whole.log]],
  ["the cosigned checkpoint", ({ cosigned }) => cosigned],
  ["--deep", ({ examination }) => examination.whole.deep],
  ["what is wrong beside the batches", ({ examination: { whole } }) => [whole.counts, whole.findings]],
  ["the leaves, or the anchors that hold", ({ examination: { whole } }) => whole],
];

export function checkSame({ name, result }: NamedPart, first: NamedPart): void {
  for (const [what, of] of SAME) {
    if (JSON.stringify(of(result)) === JSON.stringify(of(first.result))) continue;
    throw new FleetsecError(
      "input",
      `${first.name} and ${name} are no parts of one verification: ${what} differ`,
      {
        hint: "verify all parts with the same flags and state, over a store that does not change meanwhile",
      },
    );
  }
}

export function refuseOverlaps(ordered: readonly NamedPart[]): void {
  let before: NamedPart | undefined;
  for (const part of ordered) {
    const { from, to } = part.result.examination.range;
    // an empty part reads nothing twice
    if (from === to) continue;
    if (before !== undefined && before.result.examination.range.to > from) {
      throw new FleetsecError("input", `${before.name} and ${part.name} both have batch ${from}`, {
        hint: "name each part once, and give each batch to one part",
      });
    }
    before = part;
  }
}

/** Batches that no part read. */
export function holesIn(ordered: readonly NamedPart[], size: number): string[] {
  const holes: string[] = [];
  let next = 0;
  for (const { from, to } of [
    ...ordered.map(({ result }) => result.examination.range),
    { from: size, to: size },
  ]) {
    if (from > next) holes.push(holeText(ordered, next, from, size));
    next = Math.max(next, to);
  }
  return holes;
}

function holeText(ordered: readonly NamedPart[], from: number, to: number, size: number): string {
  const text =
    to - from === 1
      ? `batch ${from} of ${size} is in no part`
      : `batches ${from} to ${to - 1} of ${size} are in no part`;
  const shards = ordered.flatMap(({ result }) => result.shard ?? []);
  const count = shards.length === ordered.length ? shards[0]?.count : undefined;
  if (count === undefined) return text;
  const there = new Set(shards.map(({ index }) => index));
  const missing: number[] = [];
  for (let index = 1; index <= count && missing.length < 20; index++)
    if (!there.has(index)) missing.push(index);
  return `${text}; shards of ${count} that are missing: ${missing.join(", ")}`;
}
