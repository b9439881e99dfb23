import { join, resolve } from "node:path";
import type { Verification, VerifyRequest } from "../logs/verify/verification.ts";
import type { Trust } from "../logs/verify/trust.ts";
import type { VerifyParts } from "../logs/verify/verify.ts";
import type { AnchorFlags } from "./anchor-options.ts";
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
  readonly anchor?: AnchorFlags["anchor"] | undefined;
  readonly tsaCa?: AnchorFlags["tsaCa"] | undefined;
  readonly allowUnanchored?: AnchorFlags["allowUnanchored"] | undefined;
}

/**
 * A verification whose purpose is to read the log: its batches' bytes, up to a signed root.
 * @throws FleetsecError as the flags of verify-logs do
 */
export async function readingRequest(cli: Cli, log: ReadLog): Promise<VerifyRequest> {
  const { store, origin, state, anchor = [], tsaCa, allowUnanchored = false } = log;
  const { userState, cwd } = cli.platform;
  if ("directory" in store) refuseOutputsWithin(cli, store.directory, [["--state", state]]);
  const trust = await trustFlag(cli, log.trust, origin);
  return {
    store: await storeToVerify(cli, store),
    leaves: "batches",
    trust,
    ...(await anchorsOf(cli, store, anchor, trust)),
    timestampAuthorities:
      tsaCa === undefined
        ? undefined
        : (await import("./timestamp-authorities.ts")).timestampAuthorities(cli, tsaCa),
    state: state === undefined ? join(userState, "verified-logs") : resolve(cwd, state),
    since: undefined,
    until: undefined,
    maxAge: undefined,
    deepUpTo: 0,
    threads: { count: 1, from: 0 },
    allowUnanchored,
  };
}

async function anchorsOf(
  cli: Cli,
  store: NamedStore,
  sources: readonly string[],
  trust: Trust,
): Promise<Pick<VerifyRequest, "anchors" | "anchorFindings">> {
  // what reads places takes long to load
  if (sources.length === 0) return { anchors: [] };
  const { readAnchorFlags } = await import("./verify-logs/anchor-flags.ts");
  return readAnchorFlags(cli, store, sources, trust);
}

/** Says that the next run cannot hold the log to what this one found. */
export function warnOfUnkept(
  { output }: Pick<Cli, "output">,
  { kept: { fault } }: Pick<Verification, "kept">,
): void {
  if (fault !== undefined) output.warn(`the checkpoint could not be kept for the next run: ${fault}`);
}

/** What it works with. */
export function readingParts({ platform, output }: Cli): VerifyParts {
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);
  return {
    ...platform,
    progress: (done, total) => output.progress(`verifying: ${megabytes(done)} of ${megabytes(total)} MB`),
  };
}
