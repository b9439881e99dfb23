import { join, relative, resolve } from "node:path";
import { durationFlag, parseDuration } from "../duration.ts";
import { FleetsecError } from "../errors.ts";
import { MIN_RETENTION } from "../logs/s3/lock.ts";
import type { VerifyRequest } from "../logs/verify/verification.ts";
import type { Cli, Define } from "./command.ts";
import { type ReportFlags, wantedReports, withReports } from "./reports.ts";
import { threadsFlag } from "./threads-flag.ts";
import { trustFlag } from "./trust-flag.ts";
import type { LogSource } from "./verify-logs/log-source.ts";
import { batchesFlag, type PartFlags, refuseFlags } from "./verify-logs/part-flags.ts";

interface VerifyFlags extends ReportFlags, PartFlags {
  readonly trust?: string;
  readonly allKeys?: true;
  readonly anchor?: readonly string[];
  readonly since?: string;
  readonly until?: string;
  readonly maxAge?: string;
  readonly allowUnanchored?: true;
  readonly state?: string;
  readonly deep?: true;
  readonly tlog?: string;
  readonly maxPartAge?: string;
  readonly tsaCa?: string;
  readonly threads?: string;
  readonly locked?: string | true;
}

/** Records up to which the trees over them are recomputed without being asked for. */
const DEEP_BY_DEFAULT = 250_000;

export const define: Define = (command, bind) => {
  withReports(command)
    .description(
      "Verify a signed log offline: that no record was altered, removed, added or moved, and where.\n" +
        "Exit 0: intact and anchored. 1: altered. 3: not established, or nothing outside the store anchors it.",
    )
    .argument("[store]", "the log's store: a directory, or s3://BUCKET/PREFIX (default: logs.store)")
    .option("--trust <file>", "keys to believe: a .pub file of logs keygen, or a C2SP tlog-policy file")
    .option("--all-keys", "every key of the log in the trust file must have signed, not just one")
    .option(
      "--anchor <source>",
      "a checkpoint kept elsewhere: a file, a directory of them, git:REPO#REF:FOLDER, a URL, s3://BUCKET/PREFIX; repeatable",
      (source: string, sources: readonly string[] | undefined) => [...(sources ?? []), source],
    )
    .option("--tsa-ca <file>", "certificates of the time-stamping authorities to trust (PEM)")
    .option("--since <time>", "read only records of batches from then on: RFC 3339, or 24h for that long ago")
    .option("--until <time>", "read only records of batches up to then")
    .option("--max-age <duration>", "the newest batch must not be older")
    .option("--allow-unanchored", "an intact log is a success even where nothing anchors it")
    .option("--state <dir>", "where the last verified checkpoint of each log is kept (default: user state)")
    .option("--deep", "recompute the trees over the records and the sidecars, however many there are")
    .option(
      "--locked [duration]",
      "each object of a store in S3 must have been locked in COMPLIANCE mode for that long (30d)",
    )
    .option("--threads <n>", "threads that hash a large log (default: one a processor, at most 8)")
    .option("--range <a..b>", "read only the records of batches from A to before B (A.. for all from A on)")
    .option("--shard <i/n>", "with --partial: the I-th of N parts of the batches, however many there are")
    .option(
      "--partial <file>",
      "verify the part that --range or --shard names, and write its result for --merge",
    )
    .option("--merge <file...>", "instead of a store: join the results of all parts into the verdict")
    .option("--max-part-age <duration>", "with --merge: no part may have been read longer ago (default: 24h)")
    .option(
      "--tlog <source>",
      "instead of a store, another program's C2SP tile log, a leaf a record: a directory or URL",
    )
    .action(
      bind(async (cli, store: string | undefined, flags: VerifyFlags) => {
        const { outputsOf, refuseOverInputs } = await import("./verify-logs/outputs.ts");
        refuseOverInputs(cli, flags, stateDirectory(cli, flags));
        if (flags.merge !== undefined) {
          if (store !== undefined) throw new FleetsecError("usage", "name a store or --merge, not both");
          const { mergeFiles } = await import("./verify-logs/merge.ts");
          return mergeFiles(cli, flags, stateDirectory(cli, flags));
        }
        if (flags.maxPartAge !== undefined)
          throw new FleetsecError("usage", "--max-part-age is for --merge: it is about the parts");
        const { verifyLog } = await import("../logs/verify/verify.ts");
        const { readAnchorFlags } = await import("./verify-logs/anchor-flags.ts");
        const { refuseOutputsWithin } = await import("./verify-logs/within-store.ts");
        const { atLog } = await import("./verify-logs/log-source.ts");
        const { publishVerification } = await import("./verify-logs/conclusion.ts");
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
            const { verifyPart } = await import("./verify-logs/part.ts");
            return verifyPart(cli, partial, part, asked, name, parts);
          }
          return publishVerification(cli, reports, await verifyLog(asked, parts), name);
        });
      }),
    );
};

/** What a part is told: not how to conclude. */
const PART_FLAGS = [
  "range",
  "shard",
  "partial",
  "trust",
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
  const { logSourceOf } = await import("./verify-logs/log-source.ts");
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
  const { clearPart } = await import("./verify-logs/part.ts");
  return clearPart(cli, flags.partial ?? "");
}

function stateDirectory({ platform: { cwd, userState } }: Cli, { state }: VerifyFlags): string {
  return state === undefined ? join(userState, "verified-logs") : resolve(cwd, state);
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
  const trust = await trustFlag(cli, flags.trust);
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
        : (await import("./timestamp-authorities.ts")).timestampAuthorities(cli, flags.tsaCa),
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
