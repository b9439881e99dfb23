import { FleetsecError } from "../errors.ts";
import { generationDirectory, type StateLayout } from "./state.ts";
import type { Certificate } from "./verify/certificate.ts";
import type { Crl } from "./verify/crl.ts";
import { isoTime } from "./verify/time.ts";
import { verifyCertificate } from "./verify/verify.ts";

/** The certificates of a CA generation. */
interface Chain {
  readonly number: number;
  readonly root: Certificate;
  readonly issuing: Certificate;
}

/**
 * Why the certificates of a CA generation are not those of a root, which signed itself, and of an issuing
 * CA below it, by the path validator.
 * @param now in milliseconds since the epoch; without it, when the two began is looked at, and age does
 *   not count
 * @param rootCrl that the issuing CA must not be on
 */
export function chainFault(
  layout: Pick<StateLayout, "authorities">,
  { number, root, issuing }: Chain,
  now: number = Math.max(root.notBefore, issuing.notBefore),
  rootCrl?: Crl,
): FleetsecError | undefined {
  const crls = rootCrl === undefined ? undefined : [rootCrl];
  const rootFault = caFault(root, root, now);
  const issuingFault = caFault(issuing, root, now, crls);
  if (rootFault === undefined && issuingFault === undefined) return undefined;
  const message =
    rootFault === undefined
      ? `issuing-cert.pem, held to the root, ${issuingFault}`
      : `root-cert.pem ${rootFault}`;
  const directory = generationDirectory(layout, number);
  return new FleetsecError("state", `the certificates in ${directory} are no CA: ${message}`, {
    hint: "restore the files of that directory, all as they were at one time",
  });
}

/**
 * Why nothing can be issued by a CA yet: the clock was ahead when it was made, or is behind now.
 * @param now milliseconds since the epoch
 */
export function notBegun({ number, issuing }: Omit<Chain, "root">, now: number): FleetsecError | undefined {
  if (now >= issuing.notBefore) return undefined;
  return new FleetsecError(
    "refused",
    `issuing CA ${number} is not valid before ${isoTime(issuing.notBefore)}, and it is ${isoTime(now)} here`,
    {
      hint: "set this machine's clock; where that was ahead when a rotation made this CA, take it back: fleetsec ca rotate abort",
    },
  );
}

/** Said of the certificate. */
function caFault(
  certificate: Certificate,
  root: Certificate,
  at: number,
  crls?: readonly Crl[],
): string | undefined {
  const verdict = verifyCertificate({ certificate, intermediates: [], anchors: [root], at, crls });
  if (!verdict.ok) return verdict.reasons[0]?.message;
  const { basicConstraints, keyUsage = [] } = certificate;
  const isCa = basicConstraints?.ca === true && keyUsage.includes("keyCertSign");
  return isCa && keyUsage.includes("cRLSign") ? undefined : "may not sign certificates and CRLs";
}
