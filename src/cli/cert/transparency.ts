import { FleetsecError } from "../../errors.ts";
import type { LoggedIssue } from "../../logs/trace/logged.ts";
import { anchoredSize, isWhole, type Verification } from "../../logs/verify/verification.ts";
import { isFinding, type Reason } from "../../pki/verify/reason.ts";
import type { FilesRequest, FileVerdict } from "../../pki/verify/verify-files.ts";
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
 * Demands of certificates that their issue is in the signed log of their CA's inventory, and no revocation.
 * What stands in a log counts only where the log stands as a whole.
 * @param crls that they were judged by
 */
export async function demandLogged(
  cli: Cli,
  verdicts: readonly FileVerdict[],
  crls: FilesRequest["crls"],
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
  const { faulty } = await import("../../pki/recorded-revocation.ts");
  const sought = verdicts.flatMap(({ path: [certificate] }) => certificate ?? []);
  const { verification, logged } = await loggedCertificates(sought, request, readingParts(cli));
  warnOfUnkept(cli, verification);
  const issueOf = ({ path: [certificate] }: FileVerdict) => logged.get(certificate?.fingerprint ?? "");
  if (isWhole(verification)) await warnOfNewerCrls(cli, verdicts, issueOf, crls);
  return verdicts.map((verdict) => {
    const issue = issueOf(verdict);
    const faults = [revocationOf(verification, verdict, issue), faultOf(verification, issue)].flatMap(
      (fault) => fault ?? [],
    );
    if (faults.length === 0) return verdict;
    const isInvalid = verdict.status === "invalid" || faults.some(({ code }) => isFinding(code));
    return faulty(verdict, isInvalid ? "invalid" : "unknown", ...faults);
  });
}

/** The CRL that was used may be older than the log. */
function revocationOf(
  verification: Verification,
  { path: [certificate], reasons }: FileVerdict,
  issue: LoggedIssue | undefined,
): Reason | undefined {
  const revoked = isWhole(verification) ? issue?.revoked : undefined;
  if (revoked === undefined || reasons.some((one) => one.code === "revoked" && one.certificate === 0))
    return undefined;
  const { at, reason, seq } = revoked;
  const isOnNone = certificate?.revocation === "good";
  const message = `was revoked at ${at}, reason ${reason}, by batch ${seq} of the log of issuance${isOnNone ? ", and the CRL that was used does not say so" : ""}`;
  return { code: "revoked", message, certificate: 0 };
}

/** Says where a CRL that was used is older than one that the log tells of. */
async function warnOfNewerCrls(
  { output, platform: { files } }: Cli,
  verdicts: readonly FileVerdict[],
  issueOf: (verdict: FileVerdict) => LoggedIssue | undefined,
  crls: FilesRequest["crls"],
): Promise<void> {
  if (crls === undefined) return;
  const { crlNumbersIn } = await import("../../pki/verify/verify-files.ts");
  const used = crlNumbersIn(crls, files);
  const warnings = verdicts.flatMap((verdict) => {
    const issuer = verdict.path[1]?.subject ?? "";
    const [number, logged] = [used.get(issuer), issueOf(verdict)?.crl];
    return number === undefined || logged === undefined || number >= logged
      ? []
      : `the log of issuance tells of CRL ${logged} of ${issuer}; the one that was used is number ${number}`;
  });
  for (const warning of new Set(warnings)) output.warn(warning);
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
