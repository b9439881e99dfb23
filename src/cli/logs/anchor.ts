import { join } from "node:path";
import { type ExitCode, FleetsecError } from "../../errors.ts";
import { judgeHeld } from "../../logs/anchor/judge-held.ts";
import { checkpointName } from "../../logs/anchor/name.ts";
import { openPlace } from "../../logs/anchor/open.ts";
import { type PlaceOutcome, publishCheckpoint, readNewest } from "../../logs/anchor/publish.ts";
import type { PublishingPlace } from "../../logs/anchor/place.ts";
import { parseAnchorSource } from "../../logs/anchor/source.ts";
import { tokenPlace } from "../../logs/anchor/token-place.ts";
import { httpUrl } from "../../logs/http-url.ts";
import { escapeText } from "../../report/escape.ts";
import { wrap } from "../../report/wrap.ts";
import type { Cli } from "../command.ts";
import { timestampAuthorities } from "../timestamp-authorities.ts";
import { trustFlag } from "../trust-flag.ts";
import { retentionFlag, storeToAddTo } from "./store.ts";
import { refuseInside } from "../verify-logs/anchor-flags.ts";
import { existingStore } from "../verify-logs/log-source.ts";

export interface AnchorFlags {
  readonly store?: string;
  readonly trust?: string;
  readonly to?: readonly string[];
  readonly tsa?: string;
  readonly tsaCa?: string;
  readonly retain?: string;
}

const YEAR = 365 * 86_400;

export async function anchor(cli: Cli, flags: AnchorFlags): Promise<ExitCode> {
  const { platform, output } = cli;
  const retain = flags.retain === undefined ? undefined : retentionFlag(flags.retain, "--retain");
  const tsa = tsaOf(cli, flags);
  if (tsa === undefined && flags.to === undefined) {
    throw new FleetsecError("usage", "there is neither --to nor --tsa", {
      hint: "name a place that is not the store's",
    });
  }
  const sources = (flags.to ?? []).map((place) => parseAnchorSource(place, platform.cwd));
  const store = await existingStore(cli, flags.store);
  for (const source of sources) refuseInside(platform.files, store, source);
  const target = await storeToAddTo(cli, store, retain);
  const trust = await trustFlag(cli, flags.trust);
  const checkpoint = await readNewest(target, trust);
  for (const source of sources) {
    if (source.kind !== "path") continue;
    const path = join(source.path, checkpointName(checkpoint));
    refuseInside(platform.files, store, { ...source, path });
  }
  const places: PublishingPlace[] = [];
  for (const source of sources) places.push(await openPlace(source, platform, retain ?? YEAR));
  if (tsa !== undefined) places.push(tokenPlace(target, tsa, platform));
  const outcomes = await publishCheckpoint(checkpoint, places, (held) =>
    judgeHeld(checkpoint, held, target, trust),
  );
  const { origin, size } = checkpoint;
  const root = Buffer.from(checkpoint.root).toString("base64");
  const ok = outcomes.every(({ outcome }) => outcome === "published" || outcome === "present");
  output.result({ schema: "fleetsec.logs-anchor/v1", ok, origin, size, root, places: outcomes }, () =>
    [
      `origin  ${escapeText(origin)}`,
      `size    ${size}`,
      `root    ${root}`,
      "",
      ...outcomes.map((outcome) => lineOf(outcome, output.columns)),
    ].join("\n"),
  );
  if (outcomes.some(({ outcome }) => outcome === "refused")) return 1;
  return ok ? 0 : 3;
}

/** @throws FleetsecError `usage` unless both are given, or neither */
function tsaOf(cli: Cli, { tsa, tsaCa }: AnchorFlags) {
  if (tsa === undefined && tsaCa === undefined) return undefined;
  if (tsa === undefined || tsaCa === undefined) {
    throw new FleetsecError("usage", "--tsa and --tsa-ca go together", {
      hint: "a token is kept only where it holds: name the certificate of the authority's root",
    });
  }
  return { url: httpUrl(tsa, "--tsa"), authorities: timestampAuthorities(cli, tsaCa) };
}

function lineOf({ place, outcome, at, detail }: PlaceOutcome, columns: number): string {
  const indent = 11;
  // a place is to be copied from here
  const text =
    at === undefined ? wrap(escapeText(`${place}: ${detail}`), columns - indent) : [escapeText(at)];
  return outcome.padEnd(indent) + text.join(`\n${" ".repeat(indent)}`);
}
