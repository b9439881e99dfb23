import type { Inventory } from "./inventory.ts";
import type { Reason } from "./verify/reason.ts";
import type { FileVerdict } from "./verify/verify-files.ts";

/** A CA of this project, and what its inventory says. */
export interface Recorded {
  readonly inventory: Pick<Inventory, "bySerial" | "refresh">;
  /** The service that issues; undefined for the project's own CA. */
  readonly service: string | undefined;
  /** SHA-256 of the certificates of the project's own issuing CAs, those that were dropped among them. */
  readonly issuing: ReadonlySet<string>;
}

/**
 * The inventory knows of a revocation before the CRL does, which a kill in between leaves behind: a
 * certificate is revoked from then on.
 */
export function heedRecord(verdict: FileVerdict, { inventory, service, issuing }: Recorded): FileVerdict {
  const [certificate, issuer] = verdict.path;
  if (certificate === undefined || issuer === undefined) return verdict;
  const { issued, revoked } = inventory.bySerial(certificate.serial) ?? {};
  const isOurs = issued?.issuer === service && (service !== undefined || issuing.has(issuer.fingerprint));
  if (revoked === undefined || !isOurs) return verdict;
  const byCrl = new Set(verdict.reasons.flatMap(({ code, certificate: place }) => (place === 0 ? code : [])));
  if (byCrl.has("revoked")) return verdict;
  // what a CRL says that does not count is not known
  const isUnread = byCrl.has("unusable-crl") || byCrl.has("no-crl");
  const message = `was revoked at ${revoked.at}, reason ${revoked.reason}, by the inventory${isUnread ? "" : ", and the CRL does not say so yet"}`;
  return faulty(verdict, "invalid", { code: "revoked", message, certificate: 0 });
}

/** What is valid but for a revocation that may stand in an inventory which cannot be read. */
export function withoutRecord(verdict: FileVerdict, why: string): FileVerdict {
  if (verdict.status !== "valid") return verdict;
  const message = `may have been revoked since the CRL: ${why}`;
  return faulty(verdict, "unknown", { code: "no-inventory", message, certificate: 0 });
}

/** What more speaks against a certificate. */
export function faulty(
  { file, path, reasons }: FileVerdict,
  status: "invalid" | "unknown",
  ...more: readonly Reason[]
): FileVerdict {
  // as of any path that is not valid
  const bare = path.map(({ subject, serial, fingerprint, notAfter }) => ({
    subject,
    serial,
    fingerprint,
    notAfter,
  }));
  return { file, status, path: bare, reasons: [...reasons, ...more] };
}
