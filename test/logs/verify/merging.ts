import { expect } from "vitest";
import { partReader } from "../../../src/cli/verify-logs/part-document.ts";
import { mergeParts } from "../../../src/logs/verify/merge-parts.ts";
import type { NamedPart } from "../../../src/logs/verify/sound-part.ts";
import type { Part } from "../../../src/logs/verify/part.ts";
import { examinePart } from "../../../src/logs/verify/part-result.ts";
import type { Verification } from "../../../src/logs/verify/verification.ts";
import { systemFiles } from "../../../src/platform/system-files.ts";
import type { Files } from "../../../src/platform/files.ts";
import { partDocument } from "../../../src/report/verify-logs-part.ts";
import { schemaErrors } from "../../support/schema.ts";
import type { StoreFiles } from "../store-model.ts";
import { type Asked, NOW, partsFor, requestFor, verifyFiles } from "./verifying.ts";

export const VERSION = "1.2.3";

/** Examines one part of a store in memory, and reads the result back as it would be written. */
export async function partOf(store: StoreFiles, part: Part, asked: Asked = {}): Promise<NamedPart> {
  const name = "count" in part ? `${part.index}.json` : `${part.from}.json`;
  const about = { version: VERSION, store: "log" };
  const document = partDocument(await examinePart(requestFor(asked), part, about, partsFor(store, asked)));
  return { name, result: readBack(JSON.stringify(document)) };
}

/** The text of the part that is being read back. */
let written = "";
const files: Files = {
  ...systemFiles,
  readText: (path, maxBytes) => (path === "/part.json" ? written : systemFiles.readText(path, maxBytes)),
};
const read = partReader(files);

/** Reads a part's document as the merge does. */
export function readBack(text: string): NamedPart["result"] {
  expect(schemaErrors(JSON.parse(text))).toEqual([]);
  written = text;
  return read("/part.json");
}

/** Joins parts, with a memory of the auditor's. */
export function merge(parts: readonly NamedPart[], asked: Asked = {}): Promise<Verification> {
  const { trust, allKeys = false, state, allowUnanchored } = requestFor(asked);
  const request = {
    version: VERSION,
    absent: [],
    maxPartAge: 86_400,
    trust,
    allKeys,
    state,
    allowUnanchored,
  };
  return mergeParts(parts, request, partsFor(new Map(), asked));
}

/** Ranges that begin at 0 and at each of the cuts. */
export function rangesAt(cuts: readonly number[]): Part[] {
  const starts = [0, ...cuts];
  return starts.map((from, i) => ({ from, to: starts[i + 1] ?? Number.POSITIVE_INFINITY }));
}

/**
 * Verifies a store in memory, as a whole and in parts, of which all must say the same: that the
 * verdict, the findings, the totals and what is kept do not depend on how the work is shared out.
 */
export async function verifyInPartsToo(
  store: StoreFiles,
  asked: Asked = {},
  split: readonly Part[] = rangesAt([2, 3, 4]),
): Promise<Verification> {
  const kept = asked.kept === undefined ? undefined : new Map(asked.kept);
  const before = kept === undefined ? asked : { ...asked, kept };
  const parts: NamedPart[] = [];
  for (const part of split) parts.push(await partOf(store, part, before));
  // a part keeps nothing
  expect(kept).toEqual(asked.kept);
  // in whatever order they come
  const { read: span, ...merged } = await merge(parts.toReversed(), before);
  const now = (asked.now ?? NOW) * 1000;
  expect(span).toEqual({ from: now, to: now });
  const whole = await verifyFiles(store, asked);
  expect(merged).toEqual(whole);
  expect(kept).toEqual(asked.kept);
  return whole;
}
