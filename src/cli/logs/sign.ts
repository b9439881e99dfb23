import { resolve } from "node:path";
import { durationFlag } from "../../duration.ts";
import { type ExitCode, FleetsecError } from "../../errors.ts";
import { type SignResult, signLogs } from "../../logs/sign/sign.ts";
import { escapeText } from "../../report/escape.ts";
import type { Cli } from "../command.ts";
import { findProject } from "../project.ts";
import { threadsFlag } from "../threads-flag.ts";
import { namedStore, type SigningFlags, storeToSign } from "./store.ts";
import { keyFilesOf, readSigners, type SignerFlags } from "./signers.ts";

export interface SignFlags extends SignerFlags, SigningFlags {
  readonly in: readonly string[];
  readonly store?: string;
  readonly interval?: string;
  readonly maxRecords?: string;
  readonly newInput?: true;
  readonly follow?: true;
  readonly heartbeat?: true;
  readonly threads?: string;
}

const DEFAULT_INTERVAL = 300;
const DEFAULT_MAX_RECORDS = 100_000;

export async function sign(cli: Cli, flags: SignFlags): Promise<ExitCode> {
  const { platform, output } = cli;
  const absolute = (path: string) => resolve(platform.cwd, path);
  const follow = flags.follow === true;
  if (flags.heartbeat === true && !follow) {
    throw new FleetsecError("usage", "--heartbeat is for --follow: it signs while nothing comes");
  }
  if (flags.threads !== undefined && follow) {
    throw new FleetsecError("usage", "--threads is not for --follow: what is written is signed as it comes");
  }
  const signers = await readSigners(cli, flags);
  const request = {
    ...limitsOf(cli, flags),
    store: await storeToSign(cli, await namedStore(cli, flags.store), flags),
    follow,
    keyFiles: keyFilesOf(cli, flags.key),
    inputs: flags.in.map((path) => (path === "-" ? path : absolute(path))),
    newInput: flags.newInput === true,
    threads: follow ? { count: 1, from: 0 } : threadsFlag(flags.threads, platform.threads),
  };
  if (follow) output.note(`following ${count(flags.in.length, "input", "inputs")}; SIGTERM ends it`);
  const result = await signLogs(request, {
    ...platform,
    signers,
    onWarning: (text) => output.warn(escapeText(text)),
    onBatch: ({ batches, records }) => output.progress(`signed ${records} records in ${batches} batches`),
  });
  for (const path of result.skipped) output.note(`passed over ${escapeText(path)}: no plain log file`);
  for (const name of result.splitLines) {
    output.warn(
      `${escapeText(name)} went on within a line that was signed before it was complete: its rest is a record of its own`,
    );
  }
  const root = Buffer.from(result.root).toString("base64");
  output.result({ schema: "fleetsec.logs-sign/v1", ...result, root }, () => textOf(result, root));
  // SIGTERM is how following ends; Ctrl-C tells the shell that what comes after is not to run
  const { reason } = platform.signal as { readonly reason: unknown };
  if (follow && reason instanceof FleetsecError && reason.code === "interrupted") throw reason;
  return 0;
}

/** Flags first, then the project's configuration, then the defaults. */
function limitsOf(cli: Cli, flags: SignFlags) {
  const { logs } = findProject(cli)?.config ?? {};
  return {
    interval:
      flags.interval === undefined
        ? (logs?.interval ?? DEFAULT_INTERVAL)
        : durationFlag(flags.interval, "--interval"),
    maxRecords:
      flags.maxRecords === undefined
        ? (logs?.max_records ?? DEFAULT_MAX_RECORDS)
        : countFlag(flags.maxRecords),
    heartbeat: flags.heartbeat ?? logs?.heartbeat ?? false,
  };
}

function countFlag(text: string): number {
  const records = /^[1-9]\d{0,7}$/.test(text) ? Number(text) : 0;
  if (records > 0 && records <= 10_000_000) return records;
  throw new FleetsecError("usage", `--max-records is no number from 1 to 10000000: ${text}`, {
    hint: "100000 is the default",
  });
}

function textOf({ origin, size, signed, ended }: SignResult, root: string): string {
  const added =
    signed.batches === 0
      ? `nothing ${ended === undefined ? "" : "else "}new to sign`
      : `${count(signed.records, "record", "records")} (${signed.bytes} bytes) in ${count(signed.batches, "batch", "batches")}`;
  return [
    `origin  ${escapeText(origin)}`,
    `size    ${count(size, "batch", "batches")}`,
    `root    ${root}`,
    ...(ended === undefined ? [] : [`ended   batch ${ended}, which an earlier run had begun`]),
    `signed  ${added}`,
  ].join("\n");
}

function count(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`;
}
