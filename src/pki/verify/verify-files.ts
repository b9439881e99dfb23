import type { Files } from "../../platform/files.ts";
import { type Certificate, isSelfIssued } from "./certificate.ts";
import { fingerprintOf } from "./describe.ts";
import { displayName } from "./name.ts";
import type { PeerName } from "./peer-name.ts";
import { MAX_CERTIFICATE_FILE, MAX_CRL_FILE, readCertificates, readCrls } from "./pem.ts";
import type { Reason } from "./reason.ts";
import type { PathEntry, Purpose, Verdict } from "./request.ts";
import { isoTime } from "./time.ts";
import { isInvalid, verifyCertificate } from "./verify.ts";

/** Paths are absolute. */
export interface FilesRequest {
  /** The first certificate of each is judged; the others may stand in any of the paths. */
  readonly files: readonly string[];
  /** Self-signed certificates in them are trusted; others may stand in a path. */
  readonly anchors: readonly string[];
  readonly untrusted: readonly string[];
  /** Undefined: revocation is not looked at. */
  readonly crls: readonly string[] | undefined;
  readonly purpose: Purpose | undefined;
  readonly peer: PeerName | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

/** A certificate of a path, for display; not escaped for a terminal. */
export interface PathCertificate {
  readonly subject: string;
  readonly serial: string;
  /** SHA-256 of the DER in hexadecimal. */
  readonly fingerprint: string;
  readonly notAfter: string;
  /** What the CRLs say; absent of a path that is not valid. */
  readonly revocation?: PathEntry["revocation"];
}

export interface FileVerdict {
  /** As in the request. */
  readonly file: string;
  /** `unknown`: whether it is valid could not be established. */
  readonly status: "valid" | "invalid" | "unknown";
  /** From the certificate to its trust anchor, or as near to one as was found; at least one. */
  readonly path: readonly PathCertificate[];
  /** Empty where it is valid. */
  readonly reasons: readonly Reason[];
}

/**
 * Judges the certificate of each file.
 * @throws FleetsecError `input` for a file that holds none, and what reading throws
 */
export function verifyFiles(request: FilesRequest, files: Files): FileVerdict[] {
  const read = (path: string) => readCertificates(files.read(path, MAX_CERTIFICATE_FILE), path);
  const given = request.files.map((file) => ({ file, certificates: read(file) }));
  const trusted = request.anchors.flatMap(read);
  const intermediates = [
    ...given.flatMap(({ certificates }) => certificates),
    ...request.untrusted.flatMap(read),
    ...trusted.filter((certificate) => !isSelfIssued(certificate)),
  ];
  const common = {
    intermediates,
    anchors: trusted.filter(isSelfIssued),
    crls: request.crls?.flatMap((path) => readCrls(files.read(path, MAX_CRL_FILE), path)),
    at: request.at,
    purpose: request.purpose,
    peer: request.peer,
  };
  return given.flatMap(({ file, certificates: [certificate] }) => {
    if (certificate === undefined) return [];
    return [describe(file, verifyCertificate({ certificate, ...common }))];
  });
}

/** The highest number among those CRLs, by the issuer as paths show it. */
export function crlNumbersIn(paths: readonly string[], files: Files): ReadonlyMap<string, bigint> {
  const numbers = new Map<string, bigint>();
  for (const { issuer, number = 0n } of paths.flatMap((path) =>
    readCrls(files.read(path, MAX_CRL_FILE), path),
  )) {
    const name = displayName(issuer);
    if (number > (numbers.get(name) ?? -1n)) numbers.set(name, number);
  }
  return numbers;
}

function describe(file: string, verdict: Verdict): FileVerdict {
  if (!verdict.ok) {
    const status = isInvalid(verdict) ? "invalid" : "unknown";
    return { file, status, path: verdict.path.map(shown), reasons: verdict.reasons };
  }
  const path = verdict.path.map(({ certificate, revocation }) => ({ ...shown(certificate), revocation }));
  return { file, status: "valid", path, reasons: [] };
}

function shown(certificate: Certificate): PathCertificate {
  return {
    subject: displayName(certificate.subject),
    serial: certificate.serial,
    fingerprint: fingerprintOf(certificate),
    notAfter: isoTime(certificate.notAfter),
  };
}
