import { resolve } from "node:path";
import { durationFlag } from "../../duration.ts";
import { type ExitCode, FleetsecError } from "../../errors.ts";
import { mergeParts } from "../../logs/verify/merge-parts.ts";
import type { NamedPart } from "../../logs/verify/sound-part.ts";
import { number } from "../../report/quantity.ts";
import type { Cli } from "../command.ts";
import { type ReportFlags, wantedReports } from "../reports.ts";
import { trustFlag } from "../trust-flag.ts";
import { version } from "../package-files.ts";
import { publishVerification } from "./conclusion.ts";
import { type PartFlags, refuseFlags } from "./part-flags.ts";
import { partReader } from "./part-document.ts";

interface MergeFlags extends ReportFlags, Pick<PartFlags, "merge"> {
  readonly trust?: string;
  readonly origin?: string;
  readonly allKeys?: true;
  readonly maxPartAge?: string;
  readonly allowUnanchored?: true;
}

/** A day, in seconds: parts are of one run, not of yesterday's. */
const MAX_PART_AGE = 86_400;

/**
 * Joins what the parts of a verification found into its verdict.
 * @param state where the auditor's checkpoints are kept
 */
export async function mergeFiles(cli: Cli, flags: MergeFlags, state: string): Promise<ExitCode> {
  const { platform, output } = cli;
  refuseFlags(
    "--merge",
    flags,
    ["merge", "trust", "origin", "allKeys", "maxPartAge", "state", "allowUnanchored", "report"],
    "that belongs to the parts, which were verified with it or without",
  );
  const maxPartAge =
    flags.maxPartAge === undefined ? MAX_PART_AGE : durationFlag(flags.maxPartAge, "--max-part-age");
  const reports = wantedReports(cli, flags);
  const trust = await trustFlag(cli, flags.trust, flags.origin);
  const read = partReader(platform.files);
  const parts: NamedPart[] = [];
  const absent: string[] = [];
  for (const name of flags.merge ?? []) {
    const path = resolve(platform.cwd, name);
    if (platform.files.kind(path) === undefined)
      absent.push(`the part ${name} is not there: its job failed, or has not ended`);
    else parts.push({ name, result: read(path) });
  }
  const [first] = parts;
  if (first === undefined) {
    throw new FleetsecError("unreachable", "none of the parts is there", {
      hint: "name the files that verify-logs --partial wrote",
    });
  }
  const allowUnanchored = flags.allowUnanchored === true;
  const allKeys = flags.allKeys === true;
  const request = { version: version(), trust, allKeys, state, allowUnanchored, maxPartAge, absent };
  const result = await mergeParts(parts, request, platform);
  output.note(`joined ${number(parts.length)} ${parts.length === 1 ? "part" : "parts"}`);
  return publishVerification(cli, reports, result, first.result.store);
}
