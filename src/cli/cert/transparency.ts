import { FleetsecError } from "../../errors.ts";
import type { Reason } from "../../pki/verify/reason.ts";
import type { FileVerdict } from "../../pki/verify/verify-files.ts";
import type { Cli } from "../command.ts";
import { namedStore } from "../logs/store.ts";
import { readingParts, readingRequest } from "../verified-log-request.ts";

export interface TransparencyFlags {
  readonly transparency?: string;
  readonly trust?: string;
  readonly state?: string;
}

/**
 * Demands of certificates that their issue is in the signed log of their CA's inventory. Where that
 * log is altered or cannot be verified, a certificate that it has counts, and of one that it lacks
 * nothing is known.
 */
export async function demandLogged(
  cli: Cli,
  verdicts: readonly FileVerdict[],
  flags: TransparencyFlags,
): Promise<readonly FileVerdict[]> {
  const { transparency, trust, state } = flags;
  if (transparency === undefined) {
    if (trust === undefined && state === undefined) return verdicts;
    throw new FleetsecError("usage", "--trust and --state are for --transparency");
  }
  const { loggedCertificates } = await import("../../logs/trace/logged.ts");
  const request = await readingRequest(cli, { ...flags, store: await namedStore(cli, transparency) });
  const fingerprints = verdicts.flatMap(({ path }) => path[0]?.fingerprint ?? []);
  const { verification, logged } = await loggedCertificates(fingerprints, request, readingParts(cli));
  const { verdict: log } = verification;
  const isWhole = log === "intact" || log === "unanchored";
  const missing: Reason = isWhole
    ? { code: "not-logged", message: "its issue is not in the log", certificate: 0 }
    : { code: "log-not-verified", message: `the log of issuance is ${log}`, certificate: 0 };
  return verdicts.map((verdict) => {
    if (logged.has(verdict.path[0]?.fingerprint ?? "")) return verdict;
    const isInvalid = verdict.status === "invalid" || isWhole;
    return { ...verdict, status: isInvalid ? "invalid" : "unknown", reasons: [...verdict.reasons, missing] };
  });
}
