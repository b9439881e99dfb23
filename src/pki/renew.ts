import { FleetsecError } from "../errors.ts";
import type { Files } from "../platform/files.ts";
import { type PkiSettings, readCertificateFile } from "./authority.ts";
import {
  activate,
  activeGeneration,
  type CertificateFiles,
  currentFiles,
  generationPath,
} from "./generations.ts";
import { requireGuardedPair } from "./guarded.ts";
import type { InventoryEntry } from "./inventory.ts";
import type { IssueRecord } from "./inventory-line.ts";
import { directoryOf, newKey, store, type StoredCertificate, subjectOf } from "./issue.ts";
import { certify, type Subject } from "./issuers/certify.ts";
import { currentCa, type Issuer, type Registry } from "./issuers/issuer.ts";
import { type IssuePlan, type IssueRequest, planIssue } from "./plan.ts";
import { BACKDATE } from "./profiles.ts";
import { publishMissing } from "./publish.ts";
import { parseSan, type Role } from "./roles.ts";
import { MAX_PEM_BYTES, type PkiPlatform, readSecret } from "./state.ts";
import { openKey } from "./token-key.ts";
import type { Certificate } from "./verify/certificate.ts";
import { isoTime } from "./verify/time.ts";

export interface RenewRequest {
  readonly name: string;
  /** The role of that name as it is configured now. @throws FleetsecError where there is none */
  readonly role: (name: string) => Role;
  /** Renew whether or not it is due. */
  readonly force?: boolean;
  /** Make a new key. */
  readonly rekey?: boolean;
}

export type RenewResult =
  | { readonly renewed: true; readonly certificate: StoredCertificate }
  | { readonly renewed: false; readonly current: CurrentCertificate };

/** The certificate that a NAME uses now. */
export interface CurrentCertificate {
  readonly name: string;
  readonly serial: string;
  readonly role: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly files: CertificateFiles;
}

/**
 * Renews the certificate of a name where it is due: the same names, role and lifetime, judged by the
 * rules of today, and the same key unless `rekey`.
 * @throws FleetsecError `not-found`, `refused` for a revoked one or one that ended too long ago, `permission`
 *   where others can read its key
 */
export async function renew(
  platform: PkiPlatform,
  issuer: Issuer,
  settings: PkiSettings,
  request: RenewRequest,
): Promise<RenewResult> {
  const { files, clock, locks } = platform;
  await publishMissing(platform, issuer, settings);
  const entry = await locks.hold(issuer.layout.lock, async () => {
    issuer.inventory.refresh();
    return rollForward(files, issuer, newestStored(issuer, request.name));
  });
  const { issued } = entry;
  const now = clock.now();
  const current = currentOf(issuer, issued, readInUse(files, issuer, issued));
  requireGuardedPair(files, current.files);
  if (request.force !== true && !isDue(current, now)) return { renewed: false, current };
  refuseLate(current, settings, now);
  const plan = planIssue(planOf(request, issued), settings, currentCa(issuer), now);
  const directory = directoryOf(issuer, issued);
  const { subject, key } = await subjectFor(platform, request, issued, plan, directory);
  const signed = await certify(platform, issuer, settings, plan, subject);
  return { renewed: true, certificate: await store(platform, issuer, settings, signed, directory, key) };
}

/**
 * The certificate in use under a name and when it is due.
 * @throws FleetsecError `not-found` where there is none, `refused` where it was revoked
 */
export function currentCertificate(files: Files, registry: Registry, name: string): CurrentCertificate {
  const { issued } = newestStored(registry, name);
  return currentOf(registry, issued, readInUse(files, registry, issued));
}

/**
 * When a certificate is to be renewed: after two thirds of its lifetime, less up to a twentieth of
 * it, so that a fleet issued at once does not come back at once. The jitter is drawn from the serial
 * number: it is random, and yet the answer stays the same each time it is asked for. The lifetime
 * begins when it was issued, not at the backdated notBefore: one of a minute is not due at birth.
 */
export function dueAt(certificate: Pick<Certificate, "serial" | "notBefore" | "notAfter">): number {
  const { serial, notBefore, notAfter } = certificate;
  const issued = Math.min(notBefore + BACKDATE, notAfter);
  const lifetime = notAfter - issued;
  const fraction = Number.parseInt(serial.slice(-8), 16) / 2 ** 32;
  return Math.floor(issued + (lifetime * 2) / 3 - (lifetime / 20) * fraction);
}

/**
 * Whether a certificate is to be renewed. One that begins in the future was issued while the clock was
 * ahead, and nobody accepts it.
 * @param now milliseconds since the epoch
 */
export function isDue(
  certificate: Pick<Certificate, "serial" | "notBefore" | "notAfter">,
  now: number,
): boolean {
  return now >= dueAt(certificate) || now < certificate.notBefore;
}

function newestStored(registry: Registry, name: string): InventoryEntry {
  const entry = registry.inventory.newest(name, ({ issued }) => issued.files !== undefined);
  if (entry !== undefined) return entry;
  throw new FleetsecError("not-found", `no certificate was issued for ${name}`, {
    hint: "fleetsec cert list names those there are; fleetsec cert issue makes one",
  });
}

/**
 * A process that was killed between writing the inventory and swapping `current` left this to do. Where
 * `current` leads to a later generation, the certificate was rolled back and stays so; a certificate
 * that was revoked since does not come into use.
 */
function rollForward(files: Files, registry: Registry, entry: InventoryEntry): InventoryEntry {
  const { issued, revoked } = entry;
  if (revoked !== undefined) return entry;
  const directory = directoryOf(registry, issued);
  const generation = issued.files?.generation ?? 0;
  const isThere = files.kind(generationPath(directory, generation)) === "directory";
  if (isThere && (activeGeneration(files, directory) ?? 0) < generation)
    activate(files, directory, generation);
  return entry;
}

function readInUse(files: Files, registry: Registry, issued: IssueRecord): Certificate {
  const path = currentFiles(directoryOf(registry, issued)).cert;
  if (files.kind(path) !== undefined) return readCertificateFile(files, path);
  throw new FleetsecError("not-found", `the certificate of ${issued.name} is not there: ${path}`, {
    hint: "its files were removed or moved; run fleetsec cert issue",
  });
}

/** A certificate that was revoked is one thing in use, and another where it was rolled back before. */
function currentOf(registry: Registry, issued: IssueRecord, inUse: Certificate): CurrentCertificate {
  const { serial } = inUse;
  const entry = registry.inventory.bySerial(serial);
  if (entry?.issued.name !== issued.name) {
    throw new FleetsecError(
      "state",
      `the certificate in use for ${issued.name} was not issued here: ${serial}`,
      {
        hint: "its files were replaced by hand; run fleetsec cert issue",
      },
    );
  }
  refuseRevoked(entry);
  return {
    name: issued.name,
    serial,
    role: issued.role,
    notBefore: inUse.notBefore,
    notAfter: inUse.notAfter,
    files: currentFiles(directoryOf(registry, issued)),
  };
}

function refuseRevoked({ issued, revoked }: InventoryEntry): void {
  if (revoked === undefined) return;
  throw new FleetsecError("refused", `the certificate of ${issued.name} was revoked (${revoked.reason})`, {
    hint: "once the reason is dealt with, run fleetsec cert issue",
  });
}

function refuseLate({ name, notAfter }: CurrentCertificate, settings: PkiSettings, now: number): void {
  if (now <= notAfter + settings.renewGrace * 1000) return;
  throw new FleetsecError("refused", `the certificate of ${name} ended at ${isoTime(notAfter)}`, {
    hint: "that is longer ago than pki.renew_grace allows; run fleetsec cert issue",
  });
}

function planOf({ role }: RenewRequest, issued: IssueRecord): IssueRequest {
  const { name, ttl, keyType, attributes } = issued;
  return { name, role: role(issued.role), ttl, sans: issued.sans.map(parseSan), keyType, attributes };
}

/** Whose key the next certificate is for, and its PEM where it is kept here. */
async function subjectFor(
  { files, tokens }: PkiPlatform,
  { rekey }: RenewRequest,
  issued: IssueRecord,
  plan: IssuePlan,
  directory: string,
): Promise<{ subject: Subject; key: string | undefined }> {
  const paths = currentFiles(directory);
  const certificate = readCertificateFile(files, paths.cert);
  if (files.kind(paths.key) === undefined) {
    if (rekey === true) throw notKeptHere(issued);
    const { spki } = certificate;
    return { subject: { spki, csr: () => Promise.reject(notKeptHere(issued)) }, key: undefined };
  }
  const key = await openKey(readSecret(files, paths.key), paths.key, { tokens });
  if (rekey === true) {
    if (!key.inFile) throw keptInToken(issued);
    const made = await newKey(plan.keyType);
    return { subject: subjectOf(plan, made), key: made.pem };
  }
  if (Buffer.compare(key.signer.spki, certificate.spki) !== 0) {
    throw new FleetsecError("state", `${paths.key} is not the key of the certificate beside it`);
  }
  const subject = subjectOf(plan, key);
  if (!key.inFile) return { subject, key: key.pem };
  const chain = [paths.cert, paths.chain].map((path) => files.readText(path, MAX_PEM_BYTES)).join("");
  return {
    subject: { ...subject, present: { certificate, chain, key: key.pem, issuer: issued.issuer } },
    key: key.pem,
  };
}

function keptInToken({ name }: IssueRecord): FleetsecError {
  return new FleetsecError("refused", `the key of ${name} is kept in a token`, {
    hint: "make another key there with fleetsec cert issue --key",
  });
}

function notKeptHere({ name }: IssueRecord): FleetsecError {
  return new FleetsecError("refused", `the key of ${name} is not kept here`, {
    hint: "make a new key and CSR where it is kept, and run fleetsec cert sign",
  });
}
