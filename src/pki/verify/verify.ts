import { type Certificate, isSelfIssued } from "./certificate.ts";
import { displayName } from "./name.ts";
import { candidatePaths } from "./path.ts";
import { isFinding, type Reason } from "./reason.ts";
import type { VerifyRequest, Verdict } from "./request.ts";
import { validatePath } from "./validate.ts";
import { startWork } from "./work.ts";

/**
 * Looks for a valid path from a certificate to a trust anchor and says which, or why there is none
 * (RFC 5280 section 6). Pure: the same request gives the same verdict. Never throws for what the
 * certificates hold.
 */
export function verifyCertificate(request: VerifyRequest): Verdict {
  const start = [request.certificate];
  if (request.anchors.length === 0) {
    return failed(start, [
      { code: "no-trust-anchor", message: "has nothing trusted to be judged by", certificate: 0 },
    ]);
  }
  const work = startWork();
  let closest: Failure | undefined;
  let deadEnd: readonly Certificate[] = start;
  for (const { path, complete } of candidatePaths(request, work)) {
    if (!complete) {
      if (path.length > deadEnd.length) deadEnd = path;
      continue;
    }
    const verdict = validatePath(path, request, work);
    if (verdict.ok) return verdict;
    if (closest === undefined || verdict.reasons.length < closest.reasons.length) closest = verdict;
  }
  if (work.exhausted) {
    const message = "leads to more paths, signatures or name constraints than are looked at";
    return failed(start, [{ code: "too-complex", message, certificate: 0 }]);
  }
  return closest ?? failed(deadEnd, [noPath(deadEnd)]);
}

/** Whether a failed verdict shows the certificate not valid, rather than that nobody could tell. */
export function isInvalid(verdict: Failure): boolean {
  return verdict.reasons.some((reason) => isFinding(reason.code));
}

type Failure = Verdict & { readonly ok: false };

function failed(path: readonly Certificate[], reasons: readonly Reason[]): Failure {
  return { ok: false, path, reasons };
}

function noPath(path: readonly Certificate[]): Reason {
  const place = path.length - 1;
  const last = path[place];
  const message =
    last === undefined || isSelfIssued(last)
      ? "is its own issuer and is not trusted"
      : `is issued by ${displayName(last.issuer)}, of which no certificate is known`;
  return { code: "no-path", message, certificate: place };
}
