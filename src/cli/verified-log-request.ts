import { join, resolve } from "node:path";
import type { VerifyRequest } from "../logs/verify/verification.ts";
import type { VerifyParts } from "../logs/verify/verify.ts";
import type { Cli } from "./command.ts";
import { type NamedStore, storeToVerify } from "./logs/store.ts";
import { trustFlag } from "./trust-flag.ts";
import { refuseOutputsWithin } from "./verify-logs/within-store.ts";

/** The log that is to be read, as flags name it. */
interface ReadLog {
  readonly store: NamedStore;
  readonly trust?: string | undefined;
  /** Of the one log that is wanted, where the trust file has keys of several. */
  readonly origin?: string | undefined;
  readonly state?: string | undefined;
}

/** A verification whose purpose is to read the log: its batches' bytes, up to a signed root. */
export async function readingRequest(
  cli: Cli,
  { store, trust, origin, state }: ReadLog,
): Promise<VerifyRequest> {
  const { userState, cwd } = cli.platform;
  if ("directory" in store) refuseOutputsWithin(cli, store.directory, [["--state", state]]);
  return {
    store: await storeToVerify(cli, store),
    leaves: "batches",
    trust: await trustFlag(cli, trust, origin),
    anchors: [],
    state: state === undefined ? join(userState, "verified-logs") : resolve(cwd, state),
    since: undefined,
    until: undefined,
    maxAge: undefined,
    deepUpTo: 0,
    threads: { count: 1, from: 0 },
    allowUnanchored: true,
  };
}

/** What it works with. */
export function readingParts({ platform, output }: Cli): VerifyParts {
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);
  return {
    ...platform,
    progress: (done, total) => output.progress(`verifying: ${megabytes(done)} of ${megabytes(total)} MB`),
  };
}
