import { FleetsecError } from "../../errors.ts";
import { openPlace } from "../../logs/anchor/open.ts";
import { type AnchorSource, parseAnchorSource } from "../../logs/anchor/source.ts";
import { readAnchors } from "../../logs/verify/anchors.ts";
import type { Trust } from "../../logs/verify/trust.ts";
import type { VerifyRequest } from "../../logs/verify/verification.ts";
import type { Files } from "../../platform/files.ts";
import type { Cli } from "../command.ts";
import type { LogSource } from "./log-source.ts";

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
  for (const source of sources) refuseInside(platform.files, log, source);
  const read = [];
  for (const source of sources) read.push(await readAnchors(await openPlace(source, platform, 0), trust));
  return {
    anchors: read.flatMap(({ anchors }) => anchors),
    anchorFindings: read.flatMap(({ findings }) => findings),
  };
}

/** A log cannot vouch for itself: whoever cuts it off has its checkpoints too. @throws FleetsecError `usage` */
export function refuseInside(files: Files, log: LogSource, source: AnchorSource): void {
  if (!isInside(files, log, source)) return;
  const name = source.kind === "http" ? source.url.href : source.source;
  throw new FleetsecError("usage", `the anchor ${name} lies within the store that it is to anchor`, {
    hint: "name a checkpoint that was kept or published elsewhere",
  });
}

function isInside(files: Files, log: LogSource, source: AnchorSource): boolean {
  if ("url" in log) return source.kind === "http" && source.url.href.startsWith(log.url.href);
  if ((source.kind !== "path" && source.kind !== "git") || files.kind(source.path) === undefined)
    return false;
  const [within, anchor] = [files.realPath(log.directory), files.realPath(source.path)];
  return anchor === within || anchor.startsWith(`${within}/`);
}
