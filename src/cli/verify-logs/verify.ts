import { join, relative, resolve } from "node:path";
import { durationFlag, parseDuration } from "../../duration.ts";
import { type ExitCode, FleetsecError } from "../../errors.ts";
import { MIN_RETENTION } from "../../logs/s3/lock.ts";
import type { VerifyRequest } from "../../logs/verify/verification.ts";
import { verifyLog } from "../../logs/verify/verify.ts";
import type { AnchorFlags } from "../anchor-options.ts";
import type { Cli } from "../command.ts";
import { type ReportFlags, wantedReports } from "../reports.ts";
import { threadsFlag } from "../threads-flag.ts";
import { trustFlag } from "../trust-flag.ts";
import { readAnchorFlags } from "./anchor-flags.ts";
import { publishVerification } from "./conclusion.ts";
import { atLog, type LogSource, logSourceOf } from "./log-source.ts";
import { outputsOf, refuseOverInputs } from "./outputs.ts";
import { batchesFlag, type PartFlags, refuseFlags } from "./part-flags.ts";
import { refuseOutputsWithin } from "./within-store.ts";

export interface VerifyFlags extends ReportFlags, PartFlags, AnchorFlags {
  readonly trust?: string;
  readonly origin?: string;
  readonly allKeys?: true;
  readonly since?: string;
  readonly until?: string;
  readonly maxAge?: string;
  readonly state?: string;
  readonly deep?: true;
  readonly tlog?: string;
  readonly maxPartAge?: string;
  readonly threads?: string;
  readonly locked?: string | true;
}

/** Records up to which the trees over them are recomputed without being asked for. */
const DEEP_BY_DEFAULT = 250_000;

/** What `verify-logs` does. */
export async function verifyLogs(cli: Cli, store: string | undefined, flags: VerifyFlags): Promise<ExitCode> {
  refuseOverInputs(cli, flags, stateDirectory(cli, flags));
  if (flags.merge !== undefined) {
    if (store !== undefined) throw new FleetsecError("usage", "name a store or --merge, not both");
    const { mergeFiles } = await import("./merge.ts");
    return mergeFiles(cli, flags, stateDirectory(cli, flags));
  }
  if (flags.maxPartAge !== undefined)
    throw new FleetsecError("usage", "--max-part-age is for --merge: it is about the parts");
  refuseStoreAsDuration(store, flags);
  const { platform, output } = cli;
  const source = await sourceOf(cli, store, flags);
  if ("directory" in source) refuseOutputsWithin(cli, source.directory, outputsOf(flags));
  const { part, range } = batchesFlag(flags);
  const partial = part === undefined ? undefined : await partFile(cli, flags);
  const locked = lockedFlag(flags.locked, source);
  const reports = wantedReports(cli, flags);
  const request = { ...(await requestOf(cli, flags)), range };
  const anchors = await readAnchorFlags(cli, source, flags.anchor ?? [], request.trust);
  const name = nameOf(source, platform.cwd);
  const parts = {
    ...platform,
    progress: (done: number, total: number) =>
      output.progress(`verifying: ${megabytes(done)} of ${megabytes(total)} MB`),
  };
  return atLog(cli, source, request.trust, locked, async (log) => {
    const asked = { ...request, ...anchors, store: log };
    if (part !== undefined && partial !== undefined) {
      const { verifyPart } = await import("./part.ts");
      return verifyPart(cli, partial, part, asked, name, parts);
    }
    return publishVerification(cli, reports, await verifyLog(asked, parts), name);
  });
}

/** What a part is told: not how to conclude. */
const PART_FLAGS = [
  "range",
  "shard",
  "partial",
  "trust",
  "origin",
  "allKeys",
  "anchor",
  "tsaCa",
  "since",
  "until",
  "maxAge",
  "state",
  "deep",
  "threads",
  "locked",
];

async function sourceOf(cli: Cli, store: string | undefined, flags: VerifyFlags): Promise<LogSource> {
  try {
    return await logSourceOf(cli, store, flags);
  } catch (error) {
    const isAway = error instanceof FleetsecError && error.code === "not-found";
    // a volume that is not mounted: what was found of it another day does not count any more
    if (isAway && flags.partial !== undefined) await partFile(cli, flags);
    throw error;
  }
}

/** Where the part's result goes; what was there is removed. */
async function partFile(cli: Cli, flags: VerifyFlags): Promise<string> {
  refuseFlags("--partial", flags, PART_FLAGS, "that belongs to --merge");
  const { clearPart } = await import("./part.ts");
  return clearPart(cli, flags.partial ?? "");
}

function stateDirectory({ platform: { cwd, userState } }: Cli, { state }: VerifyFlags): string {
  return state === undefined ? join(userState, "verified-logs") : resolve(cwd, state);
}

/** `--locked STORE`: a flag with a value that may be left out takes the word after it. @throws FleetsecError `usage` */
function refuseStoreAsDuration(store: string | undefined, { locked }: VerifyFlags): void {
  if (store !== undefined || typeof locked !== "string" || parseDuration(locked) !== undefined) return;
  throw new FleetsecError("usage", `--locked is not a duration: ${locked}`, {
    hint: "if that is the store, name it before the flag: verify-logs STORE --locked, or write --locked=30d STORE",
  });
}

/** Seconds that objects must be locked for: as it is asked for, else as the project locks them. */
function lockedFlag(flag: VerifyFlags["locked"], source: LogSource): number | undefined {
  if (!("location" in source)) {
    if (flag === undefined) return undefined;
    throw new FleetsecError("usage", "--locked is for a store in S3");
  }
  if (flag === undefined) return source.retention;
  return flag === true ? MIN_RETENTION : durationFlag(flag, "--locked");
}

/** For a report. */
function nameOf(source: LogSource, cwd: string): string {
  if ("url" in source) return source.url.href;
  return "location" in source ? source.location.source : relative(cwd, source.directory) || ".";
}

/** All but where the log and its anchors are. */
async function requestOf(
  cli: Cli,
  flags: VerifyFlags,
): Promise<Omit<VerifyRequest, "store" | "anchors" | "anchorFindings">> {
  const { files, clock } = cli.platform;
  const trust = await trustFlag(cli, flags.trust, flags.origin);
  const now = clock.now();
  const since = timeFlag(flags.since, "--since", now);
  const until = timeFlag(flags.until, "--until", now);
  if (since !== undefined && until !== undefined && since > until) {
    throw new FleetsecError("usage", "--since is later than --until");
  }
  const state = stateDirectory(cli, flags);
  // a state that was asked for by name and cannot be written is no reason to find out at the end
  if (flags.state !== undefined && flags.partial === undefined) files.makeDirectory(state);
  return {
    leaves: flags.tlog === undefined ? "batches" : "records",
    trust,
    allKeys: flags.allKeys === true,
    state,
    since,
    until,
    maxAge: flags.maxAge === undefined ? undefined : durationFlag(flags.maxAge, "--max-age"),
    deepUpTo: flags.deep === true ? Number.POSITIVE_INFINITY : DEEP_BY_DEFAULT,
    threads: threadsFlag(flags.threads, cli.platform.threads),
    timestampAuthorities:
      flags.tsaCa === undefined
        ? undefined
        : (await import("../timestamp-authorities.ts")).timestampAuthorities(cli, flags.tsaCa),
    allowUnanchored: flags.allowUnanchored === true,
  };
}

/** RFC 3339 date or date-time, or a duration back from now; in seconds since the epoch. */
function timeFlag(text: string | undefined, flag: string, now: number): number | undefined {
  if (text === undefined) return undefined;
  const back = parseDuration(text);
  if (back !== undefined) return Math.floor(now / 1000) - back;
  const time = RFC_3339.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) {
    throw new FleetsecError("usage", `${flag} is not a time: ${text}`, {
      hint: "write it as 2026-01-31, 2026-01-31T08:00:00Z, or 24h for that long ago",
    });
  }
  return Math.floor(time / 1000);
}

const RFC_3339 = /^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d))?$/;

function megabytes(bytes: number): string {
  return String(Math.floor(bytes / 1e6));
}
