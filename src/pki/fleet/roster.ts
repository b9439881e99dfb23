import { isUtf8 } from "node:buffer";
import { Readable } from "node:stream";
import { CsvError, parse } from "csv-parse";
import { FleetsecError } from "../../errors.ts";
import { parseDuration } from "../../duration.ts";
import type { GeneralName } from "../general-name.ts";
import type { Attributes } from "../inventory-line.ts";
import { parseSan } from "../roles.ts";
import type { Problems } from "./problems.ts";

/** A line of a roster, as it asks. */
export interface RosterRow {
  readonly line: number;
  readonly name: string;
  /** Undefined where the cell is empty or there is no such column, as are those below. */
  readonly role: string | undefined;
  readonly sans: readonly GeneralName[];
  /** Seconds. */
  readonly ttl: number | undefined;
  readonly keyType: string | undefined;
  readonly attributes: Attributes | undefined;
}

/** Bytes of a roster: some hundred thousand lines. */
export const MAX_ROSTER = 64 << 20;
/** Characters of a line. */
const MAX_LINE = 16_384;
const MAX_ATTRIBUTES = 32;

const COLUMNS = ["name", "role", "sans", "ttl", "key_type", "attributes"] as const;
type Column = (typeof COLUMNS)[number];

/**
 * Reads the roster of a fleet, a line at a time: CSV (RFC 4180) with a header. `sans` holds names as
 * `--san` takes them, with spaces between; `attributes` holds `KEY=VALUE` with semicolons between.
 * @param what names the file in errors
 * @param problems takes what is wrong with a line, whose row then has what could be read: the rules
 *   are applied to it too, so that all faults are known at once
 * @throws FleetsecError `input` for what is no roster
 */
export async function* readRoster(data: Buffer, what: string, problems: Problems): AsyncGenerator<RosterRow> {
  let columns: readonly Column[] | undefined;
  let isEmpty = true;
  for await (const { cells, line } of recordsIn(data, what)) {
    if (columns === undefined) {
      columns = columnsOf(cells, what);
      continue;
    }
    isEmpty = false;
    const row = readRow(cells, line, columns, problems);
    if (row !== undefined) yield row;
  }
  if (columns === undefined) throw new FleetsecError("input", `${what} is empty`, { hint: HINT });
  if (isEmpty) throw new FleetsecError("input", `${what} has a header and no line below it`, { hint: HINT });
}

/** The same rows; a name that stands on two lines is a problem of the later. */
export async function* distinct(
  rows: AsyncIterable<RosterRow>,
  problems: Problems,
): AsyncGenerator<RosterRow> {
  const lines = new Map<string, number>();
  for await (const row of rows) {
    const before = lines.get(row.name);
    if (before !== undefined) problems.add(row.line, `${row.name} stands on line ${before} already`);
    lines.set(row.name, row.line);
    yield row;
  }
}

const HINT = `the first line names the columns, of ${COLUMNS.join(", ")}; each other is a certificate`;

interface Line {
  readonly cells: readonly string[];
  readonly line: number;
}

async function* recordsIn(data: Buffer, what: string): AsyncGenerator<Line> {
  if (!isUtf8(data)) throw new FleetsecError("input", `${what} is not valid UTF-8`);
  const parser = parse({
    bom: true,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: MAX_LINE,
  });
  const records: AsyncIterable<{ record: string[]; info: { lines: number } }> = Readable.from(
    slicesOf(data),
  ).pipe(parser);
  try {
    for await (const { record, info } of records) yield { cells: record, line: info.lines };
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    throw new FleetsecError("input", `${what} is no CSV: ${cause.message}`, { hint: HINT, cause });
  }
}

/** Bytes that are parsed at once: their records wait in memory. */
const SLICE = 1 << 14;

function* slicesOf(data: Buffer): Generator<Buffer> {
  for (let at = 0; at < data.length; at += SLICE) yield data.subarray(at, at + SLICE);
}

function columnsOf(header: readonly string[], what: string): readonly Column[] {
  const columns = header.map((cell) => {
    const name = cell.trim();
    const column = COLUMNS.find((candidate) => candidate === name);
    if (column !== undefined) return column;
    throw new FleetsecError("input", `${what} has an unknown column: ${name.slice(0, 80)}`, { hint: HINT });
  });
  const twice = columns.find((column, index) => columns.indexOf(column) !== index);
  if (twice !== undefined) {
    throw new FleetsecError("input", `${what} has the column ${twice} twice`, { hint: HINT });
  }
  if (!columns.includes("name")) {
    throw new FleetsecError("input", `${what} has no column name`, { hint: HINT });
  }
  return columns;
}

/** Undefined for a line that cannot be told apart into cells, or has no name. */
function readRow(
  cells: readonly string[],
  line: number,
  columns: readonly Column[],
  problems: Problems,
): RosterRow | undefined {
  if (cells.length !== columns.length) {
    problems.add(line, `it has ${cells.length} cells, the header has ${columns.length}`);
    return undefined;
  }
  const cell = (column: Column): string | undefined => {
    const index = columns.indexOf(column);
    const text = index < 0 ? "" : (cells[index] ?? "").trim();
    return text === "" ? undefined : text;
  };
  const name = cell("name");
  if (name === undefined) {
    problems.add(line, "it has no name");
    return undefined;
  }
  const sans = cell("sans")?.split(/\s+/) ?? [];
  return {
    line,
    name,
    role: cell("role"),
    sans: sans.flatMap((san) => problems.collect(line, () => parseSan(san)) ?? []),
    ttl: problems.collect(line, () => ttlOf(cell("ttl"))),
    keyType: cell("key_type"),
    attributes: problems.collect(line, () => attributesOf(cell("attributes"))),
  };
}

function ttlOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = parseDuration(text);
  if (seconds !== undefined) return seconds;
  throw new FleetsecError("input", `not a duration: ${text.slice(0, 80)}`);
}

const ATTRIBUTE = /^([a-z][a-z0-9_-]{0,31})=([^\p{Cc}=;]{1,128})$/u;

function attributesOf(text: string | undefined): Attributes | undefined {
  if (text === undefined) return undefined;
  const pairs = text.split(";").map((pair) => {
    const [, key, value] = ATTRIBUTE.exec(pair.trim()) ?? [];
    if (key !== undefined && value !== undefined) return [key, value] as const;
    throw new FleetsecError("input", `not an attribute, KEY=VALUE: ${pair.slice(0, 80)}`);
  });
  if (pairs.length > MAX_ATTRIBUTES) {
    throw new FleetsecError("input", `it has more than ${MAX_ATTRIBUTES} attributes`);
  }
  const keys = new Set(pairs.map(([key]) => key));
  if (keys.size !== pairs.length) throw new FleetsecError("input", "it has an attribute twice");
  return Object.fromEntries(pairs);
}
