import { FleetsecError } from "../../errors.ts";
import type { LoggedIssue } from "../../logs/trace/logged.ts";
import { anchoredSize, type Verification } from "../../logs/verify/verification.ts";
import { isFinding, type Reason } from "../../pki/verify/reason.ts";
import type { FileVerdict } from "../../pki/verify/verify-files.ts";
import type { AnchorFlags } from "../anchor-options.ts";
import type { Cli } from "../command.ts";
import { namedStore } from "../logs/store.ts";
import { readingParts, readingRequest, warnOfUnkept } from "../verified-log-request.ts";

export interface TransparencyFlags extends AnchorFlags {
  readonly transparency?: string;
  readonly trust?: string;
  readonly origin?: string;
  readonly state?: string;
}

/**
 * Demands of certificates that their issue is in the signed log of their CA's inventory. What stands
 * in a log counts only where the log stands as a whole.
 */
export async function demandLogged(
  cli: Cli,
  verdicts: readonly FileVerdict[],
  flags: TransparencyFlags,
): Promise<readonly FileVerdict[]> {
  const { transparency, trust, origin, state, anchor, tsaCa, allowUnanchored } = flags;
  if (transparency === undefined) {
    if ([trust, origin, state, anchor, tsaCa, allowUnanchored].every((flag) => flag === undefined))
      return verdicts;
    throw new FleetsecError(
      "usage",
      "--trust, --origin, --state, --anchor, --tsa-ca and --allow-unanchored are for --transparency",
    );
  }
  const { loggedCertificates } = await import("../../logs/trace/logged.ts");
  const request = await readingRequest(cli, { ...flags, store: await namedStore(cli, transparency) });
  const fingerprints = verdicts.flatMap(({ path }) => path[0]?.fingerprint ?? []);
  const { verification, logged } = await loggedCertificates(fingerprints, request, readingParts(cli));
  warnOfUnkept(cli, verification);
  return verdicts.map((verdict) => {
    const fault = faultOf(verification, logged.get(verdict.path[0]?.fingerprint ?? ""));
    if (fault === undefined) return verdict;
    const isInvalid = verdict.status === "invalid" || isFinding(fault.code);
    return { ...verdict, status: isInvalid ? "invalid" : "unknown", reasons: [...verdict.reasons, fault] };
  });
}

/** What speaks against a certificate: the log as a whole comes before what is in it. */
function faultOf(verification: Verification, issue: LoggedIssue | undefined): Reason | undefined {
  const {
    verdict,
    ok,
    unestablished: [why],
  } = verification;
  if (verdict === "altered") {
    return { code: "log-altered", message: "the log of issuance is altered", certificate: 0 };
  }
  if (verdict === "not-established") {
    const message = `the log of issuance is not established${why === undefined ? "" : `: ${why}`}`;
    return { code: "log-not-verified", message, certificate: 0 };
  }
  if (issue === undefined)
    return { code: "not-logged", message: "its issue is not in the log", certificate: 0 };
  if (ok && issue.isCovered) return undefined;
  const message = ok
    ? `its issue is in batch ${issue.seq} of the log of issuance, which came after the newest anchor (of size ${anchoredSize(verification)})`
    : "its issue is in the log of issuance, which nothing outside its store anchors";
  return { code: "log-not-anchored", message, certificate: 0 };
}
