import { join } from "node:path";
import { FleetsecError } from "../../errors.ts";
import { filesAt } from "../../logs/anchor/file-place.ts";
import { openPlace } from "../../logs/anchor/open.ts";
import { type AnchorSource, parseAnchorSource } from "../../logs/anchor/source.ts";
import { isBelow } from "../../logs/http-url.ts";
import { CHECKPOINT, COSIGNED } from "../../logs/layout.ts";
import { readAnchors } from "../../logs/verify/anchors.ts";
import type { S3Location } from "../../logs/s3/location.ts";
import type { Trust } from "../../logs/verify/trust.ts";
import type { VerifyRequest } from "../../logs/verify/verification.ts";
import type { Files } from "../../platform/files.ts";
import type { Cli } from "../command.ts";
import type { LogSource } from "./log-source.ts";
import { isWithin } from "./within-store.ts";

/**
 * What --anchor names: the checkpoints, and what speaks against the places that they are from.
 * @throws FleetsecError `usage` for a place within the log itself; what readAnchors throws
 */
export async function readAnchorFlags(
  { platform }: Cli,
  log: LogSource,
  flags: readonly string[],
  trust: Trust,
): Promise<Pick<VerifyRequest, "anchors" | "anchorFindings">> {
  const sources = flags.map((text) => parseAnchorSource(text, platform.cwd));
  for (const source of sources) {
    refuseInside(platform.files, log, source);
    refuseLinksInside(platform.files, log, source);
  }
  const read = [];
  for (const source of sources) read.push(await readAnchors(await openPlace(source, platform, 0), trust));
  return {
    anchors: read.flatMap(({ anchors }) => anchors),
    anchorFindings: read.flatMap(({ findings }) => findings),
  };
}

/** A log cannot vouch for itself: whoever cuts it off has its checkpoints too. @throws FleetsecError `usage` */
export function refuseInside(files: Files, log: LogSource, source: AnchorSource): void {
  if (isInside(files, log, source)) throw insideError(source);
}

/** The same for what a directory, or a repository, takes from the store by a symlink or a hard link. */
function refuseLinksInside(files: Files, log: LogSource, source: AnchorSource): void {
  if (!("directory" in log)) return;
  const store = log.directory;
  if (source.kind === "git") {
    if (GIT_PARTS.some((part) => isWithin(files, store, join(source.path, part)))) throw insideError(source);
    return;
  }
  if (source.kind !== "path" || files.kind(source.path) === undefined) return;
  const newest = [CHECKPOINT, COSIGNED].map((name) => join(store, name));
  const own = newest.filter((path) => files.kind(path) === "file").map((path) => files.stat(path).id);
  const [root, within] = [files.realPath(source.path), `${files.realPath(store)}/`];
  for (const { path, kind } of filesAt(files, source.source, root)) {
    // below the real path of the directory, only a symlink leads elsewhere
    const isLinked = kind === "symlink" ? isWithin(files, store, path) : path.startsWith(within);
    if (isLinked || (kind === "file" && own.includes(files.stat(path).id))) throw insideError(source);
  }
}

/** What git reads commits from. */
export const GIT_PARTS = [".git", "HEAD", "objects", "refs", ".git/HEAD", ".git/objects", ".git/refs"];

function insideError(source: AnchorSource): FleetsecError {
  const name = source.kind === "http" ? source.url.href : source.source;
  return new FleetsecError("usage", `the anchor ${name} lies within the store that it is to anchor`, {
    hint: "name a checkpoint that was kept or published elsewhere",
  });
}

function isInside(files: Files, log: LogSource, source: AnchorSource): boolean {
  if ("url" in log) return source.kind === "http" && isBelow(source.url, log.url);
  if ("location" in log) return source.kind === "s3" && overlaps(source, log.location);
  return (source.kind === "path" || source.kind === "git") && isWithin(files, log.directory, source.path);
}

/** Whether one of two places in S3 lies within the other, or they are the same. */
function overlaps(one: S3Location, other: S3Location): boolean {
  const [shorter = "", longer = ""] = [one.prefix, other.prefix].sort((a, b) => a.length - b.length);
  const nested = shorter === "" || longer === shorter || longer.startsWith(`${shorter}/`);
  return one.bucket === other.bucket && nested;
}
