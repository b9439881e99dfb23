import { resolve } from "node:path";
import { durationFlag } from "../../duration.ts";
import { type ExitCode, FleetsecError } from "../../errors.ts";
import { readKeyFile } from "../../logs/key-file.ts";
import { type SignResult, signLogs } from "../../logs/sign/sign.ts";
import type { LogSigner } from "../../logs/signer.ts";
import { escapeText } from "../../report/escape.ts";
import type { Cli } from "../command.ts";
import { findProject } from "../project.ts";

export interface SignFlags {
  readonly in: readonly string[];
  readonly store?: string;
  readonly key: readonly string[];
  readonly interval?: string;
  readonly maxRecords?: string;
  readonly newInput?: true;
  readonly follow?: true;
  readonly heartbeat?: true;
}

const DEFAULT_INTERVAL = 300;
const DEFAULT_MAX_RECORDS = 100_000;

export async function sign(cli: Cli, flags: SignFlags): Promise<ExitCode> {
  const { platform, output } = cli;
  const absolute = (path: string) => resolve(platform.cwd, path);
  const keyFiles = flags.key.map(absolute);
  const follow = flags.follow === true;
  if (flags.heartbeat === true && !follow) {
    throw new FleetsecError("usage", "--heartbeat is for --follow: it signs while nothing comes");
  }
  const request = {
    ...limitsOf(cli, flags),
    follow,
    keyFiles,
    inputs: flags.in.map((path) => (path === "-" ? path : absolute(path))),
    newInput: flags.newInput === true,
  };
  if (follow) output.note(`following ${count(flags.in.length, "input", "inputs")}; SIGTERM ends it`);
  const result = await signLogs(request, {
    ...platform,
    signers: readSigners(cli, keyFiles),
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
  const project = findProject(cli);
  const { logs } = project?.config ?? {};
  const store = flags.store ?? logs?.store;
  if (store === undefined) {
    throw new FleetsecError("usage", "there is no --store, and no fleetsec.yaml that names one", {
      hint: "name the directory of the log with --store",
    });
  }
  const base = flags.store === undefined ? project?.directory : undefined;
  return {
    store: resolve(base ?? cli.platform.cwd, store),
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

/** Every key signs each checkpoint; all are of one log. */
function readSigners({ platform }: Cli, paths: readonly string[]): readonly [LogSigner, ...LogSigner[]] {
  const [first, ...others] = paths.map((path) => readKeyFile(platform.files, path));
  if (first === undefined) throw new FleetsecError("usage", "there is no --key");
  const names = new Set([first, ...others].map(({ key }) => key.name));
  const ids = new Set([first, ...others].map(({ key }) => key.keyId));
  if (names.size === 1 && ids.size === paths.length) return [first, ...others];
  throw new FleetsecError("usage", "the keys are not different keys of one log", {
    hint: "each --key must be a key of the same origin, given once",
  });
}

function textOf({ origin, size, signed }: SignResult, root: string): string {
  const added =
    signed.batches === 0
      ? "nothing new to sign"
      : `${count(signed.records, "record", "records")} (${signed.bytes} bytes) in ${count(signed.batches, "batch", "batches")}`;
  return [
    `origin  ${escapeText(origin)}`,
    `size    ${count(size, "batch", "batches")}`,
    `root    ${root}`,
    `signed  ${added}`,
  ].join("\n");
}

function count(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`;
}
