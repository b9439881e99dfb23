import { batchPath } from "../layout.ts";
import type { BatchLeaf } from "../leaf.ts";
import { HASH_SIZE, leafHash } from "../merkle.ts";
import { align, type Edit } from "./align.ts";
import type { Finding, FindingCode, Findings } from "./finding.ts";
import type { Pace } from "./pace.ts";
import { readRecords, type Records } from "./read-records.ts";
import type { StoredFile } from "./store.ts";
import { keyOrders, type Rewriting, rewritingOf } from "./same-json.ts";

/** Batches of more records are not aligned: it would take more memory than a verifier should. */
export const MAX_LOCATED = 1_000_000;
/** Findings of one batch that are given one by one; the rest are summed up by code. */
const MAX_SINGLE = 1000;
/** Altered lines of a batch that are searched for a mere rewriting. */
const MAX_REWRITINGS = 100;
/** Bytes of lines that are read and parsed for that, of one batch; a line that is begun with is finished. */
const MAX_REWRITING_BYTES = 8 << 20;
/** Longest line that is read back. */
const MAX_LINE = 1 << 20;
/** Intact lines around an altered one from which the order of keys is learnt. */
const EXAMPLES = 8;

interface Context {
  readonly leaf: BatchLeaf;
  readonly file: StoredFile;
  /** Leaf hashes of the signed records. */
  readonly signed: Buffer;
  readonly found: Records;
}

/**
 * Reports which records of an altered batch are not as they were signed.
 * @param signed the sidecar, whose root is the signed one
 * @returns whether anything was found; false where the batch is too large to align
 */
export async function locateRecords(
  { findings, pace }: { readonly findings: Findings; readonly pace: Pace },
  leaf: BatchLeaf,
  file: StoredFile,
  signed: Buffer,
): Promise<boolean> {
  if (leaf.records > MAX_LOCATED) return false;
  const maxBytes = 2 * leaf.bytes + MAX_LINE;
  const found = await readRecords(file, maxBytes, 2 * leaf.records + 10_000, pace);
  const context = { leaf, file, signed, found };
  const fragment = fragmentOf(context);
  const whole = fragment === undefined ? found.hashes : found.hashes.subarray(0, -HASH_SIZE);
  const edits = align(signed, whole);
  const places = await describe(context, edits, fragment);
  for (const finding of places) findings.add(finding);
  if (found.cut) {
    findings.add({
      ...placeOf(leaf),
      code: "TRAILING_DATA",
      offset: found.end,
      detail: `${file.size - found.end} more bytes were not examined`,
    });
  }
  return places.length > 0 || found.cut;
}

function placeOf({ seq }: BatchLeaf): { readonly seq: number; readonly path: string } {
  return { seq, path: batchPath(seq) };
}

/**
 * Where the file ends within a record, the beginning of that record. A last record that merely
 * lacks its newline is whole.
 */
function fragmentOf({ found, signed, file, leaf }: Context): number | undefined {
  if (found.terminated || found.cut || file.size >= leaf.bytes) return undefined;
  const last = found.hashes.subarray(-HASH_SIZE);
  for (let at = 0; at < signed.length; at += HASH_SIZE) {
    if (signed.compare(last, 0, HASH_SIZE, at, at + HASH_SIZE) === 0) return undefined;
  }
  return found.offsets.at(-1);
}

async function describe(
  context: Context,
  edits: readonly Edit[],
  fragment: number | undefined,
): Promise<Finding[]> {
  const { leaf, found } = context;
  const findings: Finding[] = [];
  const missing = missingAtEnd(context, edits, fragment);
  const rest = missing === undefined ? edits : edits.slice(0, edits.length - missing.count);
  const rewriting = rewritings(context, rest);
  for (const edit of rest.slice(0, MAX_SINGLE)) findings.push(await describeEdit(context, edit, rewriting));
  findings.push(...summaries(context, rest.slice(MAX_SINGLE)));
  if (missing !== undefined) findings.push(missing.finding);
  else if (fragment !== undefined) {
    findings.push({
      ...placeOf(leaf),
      code: "TRAILING_DATA",
      line: found.offsets.length,
      offset: fragment,
      detail: "the file ends within a line",
    });
  }
  if (findings.length === 0) {
    findings.push({
      ...placeOf(leaf),
      code: "RECORD_ALTERED",
      line: Math.max(1, found.offsets.length),
      offset: found.offsets.at(-1) ?? 0,
      detail: "the newline at its end is not as it was signed; the record itself is equal",
    });
  }
  return findings;
}

/** Records that are missing at the end: the batch was cut short. */
function missingAtEnd(
  { leaf, found }: Context,
  edits: readonly Edit[],
  fragment: number | undefined,
): { readonly count: number; readonly finding: Finding } | undefined {
  let count = 0;
  let from = leaf.records;
  for (let i = edits.length - 1; i >= 0; i--) {
    const edit = edits[i];
    if (edit?.kind !== "deleted" || edit.from !== from - 1) break;
    from -= 1;
    count += 1;
  }
  if (count === 0) return undefined;
  const range = from + 1 === leaf.records ? `record ${from + 1}` : `records ${from + 1} to ${leaf.records}`;
  return {
    count,
    finding: {
      ...placeOf(leaf),
      code: "RECORDS_MISSING",
      line: from + 1,
      offset: fragment ?? found.end,
      from: from + 1,
      to: leaf.records,
      detail: `the batch is cut short: ${range} of ${leaf.records} missing${
        fragment === undefined ? "" : `; it ends within record ${from + 1}`
      }`,
    },
  };
}

const CODES = {
  altered: "RECORD_ALTERED",
  deleted: "RECORD_DELETED",
  inserted: "RECORD_INSERTED",
  moved: "RECORD_REORDERED",
  duplicated: "RECORD_DUPLICATED",
} as const satisfies Record<Edit["kind"], FindingCode>;

async function describeEdit(context: Context, edit: Edit, rewriting: RewritingFinder): Promise<Finding> {
  const { leaf, found, signed } = context;
  const expected = "from" in edit ? hexAt(signed, edit.from) : undefined;
  const place = {
    ...placeOf(leaf),
    code: CODES[edit.kind],
    line: edit.at + 1,
    offset: found.offsets[edit.at] ?? found.end,
  };
  switch (edit.kind) {
    case "altered": {
      const same = await rewriting(edit.at, edit.from);
      const moved = edit.from === edit.at ? "" : `record ${edit.from + 1} `;
      return {
        ...place,
        detail: `${moved}${moved === "" ? "the record " : ""}is altered${
          same === undefined ? "" : `: only its ${same} changed, its JSON is equal`
        }`,
        ...(same === undefined ? {} : { equalJson: true }),
        expected: expected ?? "",
        found: hexAt(found.hashes, edit.at),
      };
    }
    case "deleted":
      return {
        ...place,
        line: edit.from + 1,
        detail: `record ${edit.from + 1} is missing here`,
        expected: expected ?? "",
      };
    case "inserted":
      if (!found.terminated && edit.at === found.offsets.length - 1) {
        return { ...place, code: "TRAILING_DATA", detail: "bytes that are no record follow the last one" };
      }
      return { ...place, detail: "a record that was not signed", found: hexAt(found.hashes, edit.at) };
    case "moved":
      return {
        ...place,
        from: edit.from + 1,
        to: edit.at + 1,
        detail: `record ${edit.from + 1} stands at line ${edit.at + 1}`,
      };
    case "duplicated":
      return { ...place, from: edit.from + 1, to: edit.at + 1, detail: `a copy of record ${edit.from + 1}` };
  }
}

function hexAt(hashes: Buffer, index: number): string {
  return hashes.toString("hex", index * HASH_SIZE, (index + 1) * HASH_SIZE);
}

/** One finding for all edits of a kind, from the first to the last. */
function summaries({ leaf, found }: Context, edits: readonly Edit[]): Finding[] {
  return (Object.keys(CODES) as Edit["kind"][]).flatMap((kind) => {
    const same = edits.filter((edit) => edit.kind === kind);
    const first = same[0];
    const last = same.at(-1);
    if (first === undefined || last === undefined) return [];
    return {
      ...placeOf(leaf),
      code: CODES[kind],
      line: first.at + 1,
      offset: found.offsets[first.at] ?? found.end,
      from: first.at + 1,
      to: last.at + 1,
      detail: `${same.length} more, from line ${first.at + 1} to line ${last.at + 1}`,
    };
  });
}

/** What was rewritten in the line `at`, where record `from` was signed and says the same. */
type RewritingFinder = (at: number, from: number) => Promise<Rewriting | undefined>;

function rewritings(context: Context, edits: readonly Edit[]): RewritingFinder {
  const touched = new Set(edits.map(({ at }) => at));
  let [left, bytes] = [MAX_REWRITINGS, MAX_REWRITING_BYTES];
  return async (at, from) => {
    left -= 1;
    const line = left < 0 || bytes < 0 ? undefined : await lineAt(context, at);
    if (line === undefined) return undefined;
    const signed = context.signed.subarray(from * HASH_SIZE, (from + 1) * HASH_SIZE);
    const examples = await linesAround(context, at, touched);
    bytes -= examples.reduce((sum, { length }) => sum + length, line.length);
    const orders = keyOrders(examples);
    return rewritingOf(line, (form) => leafHash(form).equals(signed), orders);
  };
}

/** The nearest lines that are intact. */
async function linesAround(context: Context, at: number, touched: ReadonlySet<number>): Promise<Buffer[]> {
  const lines: Buffer[] = [];
  const count = context.found.offsets.length;
  for (let distance = 1; distance <= 4 * EXAMPLES && lines.length < EXAMPLES; distance++) {
    for (const near of [at - distance, at + distance]) {
      if (near < 0 || near >= count || touched.has(near)) continue;
      const line = await lineAt(context, near);
      if (line !== undefined) lines.push(line);
    }
  }
  return lines;
}

async function lineAt({ file, found }: Context, at: number): Promise<Buffer | undefined> {
  const start = found.offsets[at];
  if (start === undefined) return undefined;
  const next = found.offsets[at + 1];
  const end = next === undefined ? found.end - (found.terminated ? 1 : 0) : next - 1;
  if (end - start > MAX_LINE) return undefined;
  const line = Buffer.allocUnsafe(end - start);
  return line.subarray(0, await file.read(line, start));
}
