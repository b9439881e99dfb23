import { FleetsecError } from "../../errors.ts";
import type { Files, OpenFile } from "../../platform/files.ts";
import { leafHash } from "../merkle.ts";
import { countRecords, NEWLINE } from "../records.ts";
import { beginning, type LineInput, MAX_RECORD, type Start } from "./lines.ts";
import { type PrefixHash, prefixHash } from "./prefix-hash.ts";
import type { InputPosition } from "./state.ts";

/**
 * Where each input goes on. An input is known by its bytes, not by its name: a file continues a
 * position when it begins with exactly the bytes that were signed up to there. So a rotated file is
 * found under its new name, and one that was changed before its position is refused.
 */

export interface Placed {
  readonly start: Start;
  /** The file whose bytes were compared; undefined where nothing of it is signed. */
  readonly id?: string;
  /** Of those bytes. */
  readonly ends?: Ends;
  /** What it goes on from. */
  readonly position?: InputPosition;
}

/** The first and the last bytes of what was read of a file: by them a change of it is seen. */
export interface Ends {
  readonly head: Buffer;
  readonly last: Buffer;
}

/** How many they are, at most. */
export const WINDOW = 4096;
export const NO_ENDS: Ends = { head: Buffer.alloc(0), last: Buffer.alloc(0) };

export function extendEnds({ head, last }: Ends, bytes: Buffer): Ends {
  return {
    head: head.length < WINDOW ? Buffer.concat([head, bytes.subarray(0, WINDOW - head.length)]) : head,
    last: Buffer.concat([last, bytes.subarray(-WINDOW)]).subarray(-WINDOW),
  };
}

/**
 * Where each file goes on, by its path: at its beginning, where it continues none of the positions.
 * @param paths of files, each once
 */
export function placeFiles(
  files: Files,
  paths: readonly string[],
  known: readonly InputPosition[],
): ReadonlyMap<string, Placed> {
  const free = new Set(known);
  const placed = new Map<string, Placed>();
  const claim = (path: string, candidates: readonly InputPosition[]): void => {
    for (const position of candidates) {
      const place = reading(files, path, (file) => continuing(file, position));
      if (place === undefined) continue;
      free.delete(position);
      placed.set(path, place);
      return;
    }
  };
  const ids = new Map(
    known.flatMap((position) => (position.file === undefined ? [] : [[position.file, position]])),
  );
  for (const path of paths) {
    const same = ids.size === 0 ? undefined : ids.get(files.stat(path).id);
    if (same !== undefined) claim(path, [same]);
  }
  for (const path of paths.filter((candidate) => !placed.has(candidate))) {
    claim(
      path,
      [...free].filter(({ name }) => name === path),
    );
  }
  // then those that were renamed; the longest match wins
  for (const path of paths.filter((candidate) => !placed.has(candidate))) {
    if (free.size === 0) break;
    const first = reading(files, path, firstRecordHash);
    const candidates = [...free].filter((position) => position.name !== "-" && position.first === first);
    claim(
      path,
      candidates.sort((a, b) => b.bytes - a.bytes),
    );
  }
  for (const path of paths) if (!placed.has(path)) placed.set(path, { start: beginning() });
  return placed;
}

/** Reads of a file, and closes it. */
export function reading<T>(files: Files, path: string, read: (file: OpenFile) => T): T {
  const file = files.open(path, { follow: true });
  try {
    return read(file);
  } finally {
    file.close();
  }
}

/** Where the file goes on from a position, or undefined where it does not begin with what was signed. */
export function continuing(file: OpenFile, position: InputPosition): Placed | undefined {
  if (file.size < position.bytes) return undefined;
  const { hash, ends } = readPrefix(file, stretchesOf(position));
  const same = hash.digest().sha256 === position.sha256;
  return same ? { start: { ...position, hash }, id: file.id, ends, position } : undefined;
}

/**
 * What a file that was moved goes on from: the position of that very file, or one of which no file is known
 * and that it continues by its bytes, the longest of them.
 */
export function continuingAny(file: OpenFile, positions: readonly InputPosition[]): Placed | undefined {
  const anyFile = positions.filter(({ name, file: id }) => id === undefined && name !== "-");
  const first = anyFile.length === 0 ? undefined : firstRecordHash(file);
  const candidates = [
    ...positions.filter(({ file: id }) => id === file.id),
    ...anyFile.filter((position) => position.first === first).sort((a, b) => b.bytes - a.bytes),
  ];
  for (const position of candidates) {
    const place = continuing(file, position);
    if (place !== undefined) return place;
  }
  return undefined;
}

/** All of its bytes, where they are one stretch. */
function stretchesOf({ bytes, stretches = [bytes] }: InputPosition): readonly number[] {
  return stretches;
}

/** The last stretch stays open: it may go on. */
function readPrefix(
  file: OpenFile,
  stretches: readonly number[],
): { readonly hash: PrefixHash; readonly ends: Ends } {
  const hash = prefixHash();
  let [at, ends] = [0, NO_ENDS];
  const memory = Buffer.allocUnsafe(Math.min(Math.max(...stretches), 1 << 20));
  for (const stretch of stretches) {
    hash.cut();
    for (const end = at + stretch; at < end;) {
      const block = memory.subarray(0, Math.min(memory.length, end - at));
      const read = file.read(block, at);
      if (read === 0) return { hash, ends };
      hash.update(block.subarray(0, read));
      ends = extendEnds(ends, block.subarray(0, read));
      at += read;
    }
  }
  return { hash, ends };
}

function firstRecordHash(file: OpenFile): string {
  const block = Buffer.allocUnsafe(Math.min(file.size, MAX_RECORD + 1));
  return firstOf(block.subarray(0, file.read(block, 0)));
}

function firstOf(data: Buffer): string {
  const newline = data.indexOf(NEWLINE);
  return leafHash(newline < 0 ? data : data.subarray(0, newline)).toString("hex");
}

export function changed(path: string, size: number, { bytes, lines }: InputPosition): FleetsecError {
  const what =
    size < bytes
      ? `is shorter than the ${bytes} bytes of it that are signed`
      : `was changed within its first ${lines} lines, which are signed`;
  return new FleetsecError("input", `${path} ${what}`, {
    hint: "restore it; if it was rotated, give the rotated file too, or take it for new with --new-input",
  });
}

/**
 * Brings standard input to where its last stream was signed up to, where it is that stream again; a
 * stream that begins with another record is a new one and stays at its beginning.
 * @throws FleetsecError `input` where it begins with that record and then differs, or ends too soon
 */
export async function placeStream(input: LineInput, position: InputPosition): Promise<void> {
  const whenever = Number.POSITIVE_INFINITY;
  const head = (await input.peek(whenever)) ?? Buffer.alloc(0);
  if (head.length === 0 || firstOf(head) !== position.first) return;
  for (const stretch of stretchesOf(position)) {
    input.hash.cut();
    for (let left = stretch; left > 0;) {
      const lines = (await input.peek(whenever)) ?? Buffer.alloc(0);
      if (lines.length === 0) throw differs(position);
      const count = Math.min(left, lines.length);
      input.take(count, countRecords(lines.subarray(0, count)));
      left -= count;
    }
  }
  if (input.position()?.sha256 === position.sha256) return;
  throw differs(position);
}

function differs({ lines }: InputPosition): FleetsecError {
  return new FleetsecError(
    "input",
    `standard input begins like the stream that was signed last, and then differs within its first ${lines} lines`,
    { hint: "give the same stream again, or take it for a new one with --new-input" },
  );
}
