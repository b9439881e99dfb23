import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Files } from "../platform/files.ts";
import { type Authority, type CaGeneration, caFiles } from "./authority.ts";
import { readOwnCrl } from "./crl-evidence.ts";
import { type CertificateCounts, countCertificates } from "./list.ts";
import { staleFiles } from "./publish.ts";
import { MAX_PEM_BYTES } from "./state.ts";
import { isTokenKey } from "./token-key.ts";
import type { Certificate } from "./verify/certificate.ts";
import { displayName } from "./verify/name.ts";
import { MAX_CRL_FILE, readCrls } from "./verify/pem.ts";
import { isoTime } from "./verify/time.ts";

/** A CA certificate in short. Text in it comes from the certificate. */
export interface CaSummary {
  readonly subject: string;
  readonly serial: string;
  readonly notBefore: string;
  readonly notAfter: string;
  /** SHA-256 of the DER, in hexadecimal. */
  readonly fingerprint: string;
}

export interface CaDescription {
  readonly id: string;
  readonly generation: number;
  readonly root: CaSummary;
  readonly issuing: CaSummary;
  /** How the issuing key is kept: in a file, encrypted or not, or in a token. */
  readonly keys: "encrypted" | "plain" | "token" | "missing";
  readonly crl: {
    /** The last on record. */
    readonly number: number;
    /** Of the CRL on disk, where that is another: its writer was killed, or failed. All that follows is of it. */
    readonly onDisk?: number;
    readonly thisUpdate: string;
    readonly nextUpdate: string;
    readonly revoked: number;
    /** Whether it has ended, is not valid yet, lacks a revocation that the inventory has, or is not what gateways read. */
    readonly stale: boolean;
  };
  /** Whether the trust bundle that gateways read holds other roots than those of this CA. */
  readonly bundleStale: boolean;
  readonly certificates: CertificateCounts;
}

/** @param now milliseconds since the epoch. @throws FleetsecError where a file of the CA is damaged */
export function describeCa(files: Files, authority: Authority, now: number): CaDescription {
  const { current } = authority;
  // the counts are those of the index: what it covers must stand as it did
  authority.inventory.refresh();
  return {
    id: current.id,
    generation: current.number,
    root: summarize(current.root),
    issuing: summarize(current.issuing),
    keys: keyProtection(files, authority, current),
    crl: describeCrl(files, authority, now),
    bundleStale: staleFiles(files, authority, now).bundle,
    certificates: countCertificates(files, authority, now),
  };
}

export function summarize(certificate: Certificate): CaSummary {
  return {
    subject: displayName(certificate.subject),
    serial: certificate.serial,
    notBefore: isoTime(certificate.notBefore),
    notAfter: isoTime(certificate.notAfter),
    fingerprint: createHash("sha256").update(certificate.der).digest("hex"),
  };
}

/** The CRL of the issuing CA as it lies on disk. */
export function describeCrl(files: Files, authority: Authority, now: number): CaDescription["crl"] {
  const { current, inventory, layout } = authority;
  const path = join(layout.authorities, String(current.number), caFiles.issuingCrl);
  const crls = readCrls(files.read(path, MAX_CRL_FILE), path);
  const { thisUpdate = 0, nextUpdate = 0, revoked = new Map<string, unknown>() } = crls[0] ?? {};
  const missing = inventory
    .revocations(current.number)
    .some(({ notAfter, serial }) => Date.parse(notAfter) >= now && !revoked.has(serial));
  const number = inventory.newestCrl(current.number)?.number ?? 0;
  const { number: onDisk } = readOwnCrl(files, { path, ca: current.issuing });
  return {
    number,
    ...(onDisk === number ? {} : { onDisk }),
    thisUpdate: isoTime(thisUpdate),
    nextUpdate: isoTime(nextUpdate),
    revoked: revoked.size,
    stale: nextUpdate < now || missing || staleFiles(files, authority, now).crl,
  };
}

function keyProtection(files: Files, { layout }: Authority, ca: CaGeneration): CaDescription["keys"] {
  const path = join(layout.authorities, String(ca.number), caFiles.issuingKey);
  if (files.kind(path) === undefined) return "missing";
  const pem = files.readText(path, MAX_PEM_BYTES);
  if (isTokenKey(pem)) return "token";
  return pem.startsWith("-----BEGIN ENCRYPTED") ? "encrypted" : "plain";
}
