import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { FleetsecError } from "../../errors.ts";
import { httpUrl } from "../../logs/http-url.ts";
import { fetchTileLog } from "../../logs/verify/fetch-tile-log.ts";
import type { Trust } from "../../logs/verify/trust.ts";
import { patient } from "../../platform/patient-http.ts";
import type { StoreReader } from "../../logs/verify/store.ts";
import type { Cli } from "../command.ts";
import { namedStore, type NamedStore, storeToVerify } from "../logs/store.ts";

/** The log that is to be verified: a store, or where a copy of a tile log is fetched from. */
export type LogSource = NamedStore | { readonly url: URL };

export interface LogSourceFlags {
  readonly since?: string;
  readonly until?: string;
  readonly maxAge?: string;
  readonly range?: string;
  readonly shard?: string;
  readonly partial?: string;
  readonly tlog?: string;
}

/** @throws FleetsecError `usage` where none, or two, are named; `not-found` and `input` where there is no directory */
export async function logSourceOf(
  cli: Cli,
  store: string | undefined,
  flags: LogSourceFlags,
): Promise<LogSource> {
  return flags.tlog === undefined ? existingStore(cli, store) : tileLogOf(cli, store, flags);
}

/**
 * Calls `use` with the log's directory, or what reads it in S3; a copy is there only until `use` has ended.
 * @param locked seconds that each object in S3 must be locked for
 */
export async function atLog<T>(
  cli: Cli,
  source: LogSource,
  trust: Trust,
  locked: number | undefined,
  use: (store: string | StoreReader) => Promise<T>,
): Promise<T> {
  if (!("url" in source)) return use(await storeToVerify(cli, source, locked));
  const { platform, output } = cli;
  const into = join(tmpdir(), `fleetsec-log-${Buffer.from(platform.random(6)).toString("hex")}`);
  platform.files.makeDirectory(into);
  try {
    const send = patient(platform.network, platform.clock);
    const progress = (done: number, total: number) => output.progress(`fetching: ${done} of ${total} files`);
    await fetchTileLog({ url: source.url, trust, into }, { ...platform, send, progress });
    return await use(into);
  } finally {
    platform.files.remove(into);
  }
}

/** The store that is named, or that of the project. @throws FleetsecError `usage`, `not-found`, `input` */
export async function existingStore(cli: Cli, name: string | undefined): Promise<NamedStore> {
  const store = await namedStore(cli, name);
  if ("directory" in store) requireDirectory(cli, store.directory);
  return store;
}

/** @throws FleetsecError `usage` for flags that another program's log has no use for */
function tileLogOf(
  cli: Cli,
  store: string | undefined,
  { tlog = "", since, until, maxAge, range, shard, partial }: LogSourceFlags,
): LogSource {
  if (store !== undefined) throw new FleetsecError("usage", "name a store or --tlog, not both");
  if (since !== undefined || until !== undefined || maxAge !== undefined) {
    throw new FleetsecError("usage", "the leaves of another program's log have no time", {
      hint: "leave out --since, --until and --max-age",
    });
  }
  if (range !== undefined || shard !== undefined || partial !== undefined) {
    throw new FleetsecError("usage", "another program's log has no batches, and so no parts", {
      hint: "leave out --range, --shard and --partial",
    });
  }
  if (!/^[a-z][a-z0-9+.-]*:/i.test(tlog))
    return { directory: requireDirectory(cli, resolve(cli.platform.cwd, tlog)) };
  const url = httpUrl(tlog, "--tlog");
  if (url.search !== "") throw new FleetsecError("usage", `--tlog has a query: ${tlog}`);
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return { url };
}

function requireDirectory({ platform }: Cli, path: string): string {
  const { files } = platform;
  const kind = files.kind(path);
  if (kind === undefined) {
    throw new FleetsecError("not-found", `the store ${path} does not exist`, {
      hint: "name the directory that logs sign --store was given",
    });
  }
  if (kind !== "directory" && kind !== "symlink") {
    throw new FleetsecError("input", `the store ${path} is not a directory`);
  }
  return path;
}
