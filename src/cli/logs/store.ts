import { createHash } from "node:crypto";
import { join, resolve } from "node:path";
import { FleetsecError } from "../../errors.ts";
import { signerStatePath } from "../../logs/layout.ts";
import { isS3, parseS3Location, type S3Location } from "../../logs/s3/location.ts";
import { MAX_RETENTION, MIN_RETENTION } from "../../logs/s3/lock.ts";
import type { RemoteStore } from "../../logs/sign/hold.ts";
import { directoryStore, type LogStore } from "../../logs/store.ts";
import { directoryReader, type StoreReader } from "../../logs/verify/store.ts";
import { durationFlag } from "../../duration.ts";
import type { Cli } from "../command.ts";

/** Where a log is, as a flag or the project says. */
export type NamedStore =
  | { readonly directory: string }
  | {
      readonly location: S3Location;
      /** Seconds for which the project locks what it writes there. */
      readonly retention: number | undefined;
    };

/** The store that is named, or that of the project. @throws FleetsecError `usage` where there is neither */
export async function namedStore(cli: Cli, name: string | undefined): Promise<NamedStore> {
  const { cwd } = cli.platform;
  if (name !== undefined) return placeOf(name, cwd, undefined);
  // the configuration's libraries take longer to load than a small log to verify
  const { findProject } = await import("../project.ts");
  const project = findProject(cli);
  if (project !== undefined) {
    const { store, retention } = project.config.logs;
    return placeOf(store, project.directory, retention);
  }
  throw new FleetsecError("usage", "no store is named, and there is no fleetsec.yaml that names one", {
    hint: "name the directory, or s3://BUCKET/PREFIX, that logs sign --store was given",
  });
}

function placeOf(name: string, base: string, retention: number | undefined): NamedStore {
  if (!isS3(name)) return { directory: resolve(base, name) };
  return { location: parseS3Location(name, "the store"), retention };
}

export interface SigningFlags {
  readonly state?: string;
  readonly retain?: string;
}

/** The store as logs sign and logs rotate-key write to it. @throws FleetsecError `usage` */
export async function storeToSign(
  cli: Cli,
  store: NamedStore,
  flags: SigningFlags,
): Promise<string | RemoteStore> {
  if ("directory" in store) {
    if (flags.state === undefined && flags.retain === undefined) return store.directory;
    throw new FleetsecError("usage", "--state and --retain are for a store in S3", {
      hint: "a directory's signer keeps its state beside it",
    });
  }
  const { openBucket } = await import("../../logs/s3/open.ts");
  const { remoteStore } = await import("../../logs/s3/remote-store.ts");
  const { location } = store;
  const retention = flags.retain === undefined ? store.retention : retentionFlag(flags.retain, "--retain");
  const place = { state: signerStateOf(cli, store, flags.state), retention };
  return remoteStore(location, openBucket(location, cli.platform), place, cli.platform.clock);
}

/** Seconds that S3 locks an object for. @throws FleetsecError `usage` */
export function retentionFlag(text: string, flag: string): number {
  const seconds = durationFlag(text, flag);
  if (seconds >= MIN_RETENTION && seconds <= MAX_RETENTION) return seconds;
  throw new FleetsecError("usage", `${flag} is not between 30d and 100 years: ${text}`);
}

/** The directory of the signer's state, whose lock keeps signers on one machine apart. */
export function signerStateOf(cli: Cli, store: NamedStore, flag?: string): string {
  const { cwd, userState, env } = cli.platform;
  if ("directory" in store) return signerStatePath(store.directory);
  if (flag !== undefined) return resolve(cwd, flag);
  const { bucket, prefix } = store.location;
  const endpoint = env["AWS_ENDPOINT_URL_S3"] ?? env["AWS_ENDPOINT_URL"] ?? "";
  const readable = `${bucket}-${prefix}`.replace(/[^a-z0-9]+/gi, "-").slice(0, 60);
  const hash = createHash("sha256").update(`${endpoint} ${bucket} ${prefix}`).digest("hex");
  return join(userState, "signers", `${readable}-${hash.slice(0, 16)}`);
}

/**
 * The store as what adds to it now and then writes to it: a token, a cosignature.
 * @param retain seconds for which that is locked in S3, instead of the project's
 */
export async function storeToAddTo(cli: Cli, store: NamedStore, retain?: number): Promise<LogStore> {
  if ("directory" in store) return directoryStore(cli.platform.files, store.directory);
  const { openBucket } = await import("../../logs/s3/open.ts");
  const { s3Store } = await import("../../logs/s3/store.ts");
  const { location, retention } = store;
  return s3Store(location, openBucket(location, cli.platform), retain ?? retention, cli.platform.clock);
}

/** The store as a verification takes it. @param locked seconds that each object of a bucket must be locked for */
export async function storeToVerify(
  cli: Cli,
  store: NamedStore,
  locked?: number,
): Promise<string | StoreReader> {
  if ("directory" in store) return store.directory;
  const { openBucket } = await import("../../logs/s3/open.ts");
  const { s3Reader } = await import("../../logs/s3/reader.ts");
  return s3Reader(store.location, openBucket(store.location, cli.platform), locked);
}

/** The store's files, to be read one by one. */
export async function storeToRead(cli: Cli, store: NamedStore): Promise<StoreReader> {
  const named = await storeToVerify(cli, store);
  if (typeof named === "string") return directoryReader(cli.platform.files, named);
  // which version of each object is read shows in the listing
  await named.list(
    () => false,
    () => Promise.resolve(),
  );
  return named;
}
