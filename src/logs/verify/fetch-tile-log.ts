import { dirname, join } from "node:path";
import { FleetsecError } from "../../errors.ts";
import type { Files } from "../../platform/files.ts";
import type { SendHttp } from "../../platform/patient-http.ts";
import { CHECKPOINT } from "../layout.ts";
import { HASH_SIZE } from "../merkle.ts";
import { MAX_NOTE_SIZE } from "../note.ts";
import { bundlePath, type Tile, tilePath, TILE_WIDTH, tilesOf } from "../tiles.ts";
import { MAX_BUNDLE, splitBundle } from "./bundle.ts";
import { inParallel } from "./in-parallel.ts";
import { openCheckpoint } from "./signed-checkpoint.ts";
import type { Trust } from "./trust.ts";

export interface FetchRequest {
  /** Where the log's paths begin: `checkpoint` and `tile/` lie below it. */
  readonly url: URL;
  readonly trust: Trust;
  /** The directory that the copy is written to. */
  readonly into: string;
}

export interface FetchParts {
  readonly files: Files;
  /** Tries again by itself where that helps. */
  readonly send: SendHttp;
  readonly signal: AbortSignal;
  /** Told now and then how many files are there, and how many there are to be. */
  readonly progress: (done: number, total: number) => void;
}

/** Milliseconds for one file. */
const TIMEOUT = 30_000;
/** Requests at a time. */
const PARALLEL = 8;
/** Tiles of the largest log that is copied: ten billion leaves. */
const MAX_TILES = 80_000_000;

/**
 * Copies a C2SP tile log from an HTTP server: its checkpoint and, where that is signed by a key of
 * the trust file, the tiles and entry bundles of that size. Nothing else of it is believed: what is
 * not there (404) is missing in the copy, what is too long is one byte too long there, and the
 * verification of the copy tells. The server has a say neither in how many files are asked for nor
 * in how long they may be.
 * @throws FleetsecError `unreachable` where a file can neither be had nor is said not to be there
 */
export async function fetchTileLog(request: FetchRequest, parts: FetchParts): Promise<void> {
  const { files, progress } = parts;
  const write = (path: string, data: Uint8Array) => {
    const target = join(request.into, path);
    files.makeDirectory(dirname(target));
    files.write(target, data, { mode: 0o600, transient: true });
  };
  const checkpoint = await get(request, parts, CHECKPOINT, MAX_NOTE_SIZE);
  if (checkpoint === undefined) {
    throw new FleetsecError("unreachable", `there is no log at ${request.url.href}: it has no checkpoint`, {
      hint: "name the URL that `checkpoint` and `tile/` lie below",
    });
  }
  write(CHECKPOINT, checkpoint);
  const opened = openCheckpoint(checkpoint, request.trust);
  if ("code" in opened) return;
  if (opened.size > (MAX_TILES * TILE_WIDTH) / 2) {
    throw new FleetsecError("input", `a log of ${opened.size} leaves is too large to be copied`, {
      hint: "verify it where it lies, with --tlog DIR",
    });
  }
  const total = countOf(opened.size);
  let done = 0;
  await inParallel(filesOf(opened.size), PARALLEL, async (file) => {
    const data = await getTile(request, parts, file);
    if (data !== undefined) write(file.path(file.width), data);
    done += 1;
    progress(done, total);
  });
}

/** A tile, or an entry bundle, of a tree. */
interface TileFile {
  readonly width: number;
  /** Its path at that width. */
  readonly path: (width: number) => string;
  readonly maxBytes: number;
  /** The beginning of a wider one. */
  readonly beginning: (wider: Buffer) => Buffer;
}

function* filesOf(size: number): Generator<TileFile> {
  for (const tile of tilesOf(size)) {
    yield hashTile(tile);
    if (tile.level === 0) yield entryBundle(tile);
  }
}

function countOf(size: number): number {
  let count = 0;
  for (let level = size; level > 0; level = Math.floor(level / TILE_WIDTH))
    count += Math.ceil(level / TILE_WIDTH);
  return count + Math.ceil(size / TILE_WIDTH);
}

function hashTile({ level, index, width }: Tile): TileFile {
  return {
    width,
    path: (at) => tilePath({ level, index, width: at }),
    maxBytes: TILE_WIDTH * HASH_SIZE,
    beginning: (wider) => wider.subarray(0, width * HASH_SIZE),
  };
}

function entryBundle({ index, width }: Tile): TileFile {
  return {
    width,
    path: (at) => bundlePath(index, at),
    maxBytes: MAX_BUNDLE,
    beginning: (wider) => {
      const { offsets, end } = splitBundle(wider);
      return wider.subarray(0, offsets[width] ?? end);
    },
  };
}

/** A log that has grown may have removed a partial tile: the full one begins with it (tlog-tiles). */
async function getTile(
  request: FetchRequest,
  parts: FetchParts,
  file: TileFile,
): Promise<Buffer | undefined> {
  const own = await get(request, parts, file.path(file.width), file.maxBytes);
  if (own !== undefined || file.width === TILE_WIDTH) return own;
  const full = await get(request, parts, file.path(TILE_WIDTH), file.maxBytes);
  return full === undefined ? undefined : file.beginning(full);
}

/** @returns the first `maxBytes + 1` bytes; undefined where the server says that there is no such file */
async function get(
  { url }: FetchRequest,
  { send, signal }: FetchParts,
  path: string,
  maxBytes: number,
): Promise<Buffer | undefined> {
  const { status, body } = await send({
    method: "GET",
    url: new URL(path, url),
    timeout: TIMEOUT,
    maxBody: maxBytes + 1,
    cutBody: true,
    keepAlive: true,
    signal,
  });
  if (status === 200) return body;
  if (status === 404 || status === 410) return undefined;
  const redirects = status >= 300 && status < 400;
  throw new FleetsecError("unreachable", `${new URL(path, url).href} answers ${status}`, {
    hint: redirects ? "redirects are not followed: name the URL that it leads to" : "check the URL",
  });
}
