import { FleetsecError } from "../errors.ts";
import type { Authority, CaGeneration, PkiSettings } from "./authority.ts";
import type { InventoryEntry } from "./inventory.ts";
import type { Issuer, Registry, Service } from "./issuers/issuer.ts";
import type { IssueRecord, RevocationReason, RevokeRecord } from "./inventory-line.ts";
import { refreshServiceCrl } from "./issuers/crl.ts";
import { publishCrls } from "./publish.ts";
import type { PkiPlatform } from "./state.ts";
import type { Crl } from "./verify/crl.ts";
import { isoTime } from "./verify/time.ts";

export interface RevokeRequest {
  /** A NAME, for every certificate of it that has not ended, or a serial number in hexadecimal or 8 digits of it. */
  readonly target: string;
  readonly reason: RevocationReason;
}

export interface RevokeResult {
  /** Revoked now. */
  readonly revoked: readonly InventoryEntry[];
  /** Revoked before, which is left as it was. */
  readonly already: readonly InventoryEntry[];
  /** Whether a CRL was published now: also for what an earlier process revoked and did not publish. */
  readonly published: boolean;
  /** Whether the CRL gives the reasons. The inventory has them in any case; Vault takes none. */
  readonly reasonPublished: boolean;
}

/**
 * Revokes certificates and publishes the CRL that says so. With the project's own CA the inventory
 * knows first: a kill in between leaves a revocation that this command, or another that writes, publishes
 * when it is run again. With a service, the service knows first, and to revoke again is no error.
 * @throws FleetsecError `not-found`, `refused` where all certificates of the name have ended
 */
export async function revoke(
  platform: PkiPlatform,
  issuer: Issuer,
  settings: PkiSettings,
  { target, reason }: RevokeRequest,
): Promise<RevokeResult> {
  const { inventory } = issuer;
  const find = () => findTarget(issuer, target, platform.clock.now());
  const already = find().filter(({ revoked }) => revoked !== undefined);
  const { open, published, crls } =
    issuer.kind === "local"
      ? { ...(await revokeHere(platform, issuer, settings, find, reason)), crls: undefined }
      : await revokeAtService(platform, issuer, find, reason);
  const revoked = open.flatMap(({ issued }) => inventory.bySerial(issued.serial) ?? []);
  const reasonPublished = crls === undefined || [...revoked, ...already].every((entry) => isOn(crls, entry));
  return { revoked, already, published, reasonPublished };
}

/** Whether the CRLs give the reason that is on record. */
function isOn(crls: readonly Crl[], { issued, revoked }: InventoryEntry): boolean {
  return crls.some((crl) => crl.revoked.get(issued.serial)?.reason === revoked?.reason);
}

async function revokeHere(
  platform: PkiPlatform,
  authority: Authority,
  settings: PkiSettings,
  find: () => readonly InventoryEntry[],
  reason: RevocationReason,
): Promise<{ open: readonly InventoryEntry[]; published: boolean }> {
  const { inventory, layout } = authority;
  // before the lock: this may ask a person for a passphrase
  for (const ca of authoritiesOf(authority, find())) await authority.signer(ca);
  return platform.locks.hold(layout.lock, async () => {
    inventory.refresh();
    const open = find().filter(({ revoked }) => revoked === undefined);
    const at = isoTime(platform.clock.now());
    const issuers = authoritiesOf(authority, open);
    const recordsOf = (ca: CaGeneration) =>
      issuers.includes(ca)
        ? open
            .filter(({ issued }) => issued.authority === ca.number)
            .map(({ issued: { serial } }): RevokeRecord => ({ op: "revoke", at, serial, reason }))
        : undefined;
    try {
      return { open, published: await publishCrls(platform, authority, settings, recordsOf) };
    } catch (error) {
      const isRecorded = open.some(({ issued }) => inventory.bySerial(issued.serial)?.revoked !== undefined);
      throw isRecorded && error instanceof FleetsecError ? unpublished(error) : error;
    }
  });
}

function unpublished(cause: FleetsecError): FleetsecError {
  const { code, message, hint } = cause;
  return new FleetsecError(code, `the revocation is on record, and no CRL says so yet: ${message}`, {
    hint: `${hint === undefined ? "" : `${hint}; `}fleetsec ca crl publishes it`,
    cause,
  });
}

/** One after the other: what the service has revoked is recorded, whatever becomes of the next. */
async function revokeAtService(
  platform: PkiPlatform,
  service: Service,
  find: () => readonly InventoryEntry[],
  reason: RevocationReason,
): Promise<{ open: readonly InventoryEntry[]; published: boolean; crls: readonly Crl[] }> {
  const { inventory, layout, kind } = service;
  inventory.refresh();
  const open = find().filter(({ revoked }) => revoked === undefined);
  const foreign = open.find(({ issued }) => issued.issuer !== kind);
  if (foreign !== undefined) throw issuedElsewhere(foreign.issued, kind);
  for (const { issued } of open) {
    const { name, serial } = issued;
    await service.revoke({ name, serial, reason });
    await platform.locks.hold(layout.lock, async () => {
      inventory.refresh();
      inventory.append([{ op: "revoke", at: isoTime(platform.clock.now()), serial, reason }]);
    });
  }
  const crls = await refreshServiceCrl(platform, service);
  return { open, published: crls.length > 0, crls };
}

function issuedElsewhere({ serial, issuer }: IssueRecord, kind: Issuer["kind"]): FleetsecError {
  const origin = issuer ?? "local";
  return new FleetsecError("refused", `${serial} was issued by ${origin}, and the issuer now is ${kind}`, {
    hint: `set pki.issuer to ${origin} and revoke it there`,
  });
}

/** 32 of 159 random bits: what a person copies from a list that is cut off. */
const MIN_PREFIX = /^[0-9A-F]{8,40}$/;

/** A name, or a serial number as anybody prints it, or the beginning of one. */
function findTarget({ inventory }: Registry, target: string, now: number): readonly InventoryEntry[] {
  const named = inventory.byName(target);
  if (named.length > 0) {
    const open = named.filter(({ issued }) => Date.parse(issued.notAfter) >= now);
    if (open.length > 0) return open;
    throw new FleetsecError("refused", `every certificate of ${target} has ended`, {
      hint: "nobody accepts them any more; there is nothing to revoke",
    });
  }
  const serial = target.replaceAll(":", "").toUpperCase();
  const entry = inventory.bySerial(serial);
  if (entry !== undefined) return [entry];
  const [first, second] = MIN_PREFIX.test(serial) ? inventory.bySerialPrefix(serial) : [];
  if (first !== undefined && second === undefined) return [first];
  if (second !== undefined) {
    throw new FleetsecError("usage", `several serial numbers begin with ${target}`, {
      hint: "write more of it",
    });
  }
  throw new FleetsecError("not-found", `no certificate of that name or serial number: ${target}`, {
    hint: "fleetsec cert list names those there are",
  });
}

/** The CAs whose CRLs the certificates stand on. @throws FleetsecError `refused` for one that is no longer here */
function authoritiesOf({ trusted }: Authority, entries: readonly InventoryEntry[]): CaGeneration[] {
  const foreign = entries.find(({ issued }) => issued.issuer !== undefined);
  if (foreign !== undefined) throw issuedElsewhere(foreign.issued, "local");
  return [...new Set(entries.map(({ issued }) => issued.authority))].map((number) => {
    const ca = trusted.find((candidate) => candidate.number === number);
    if (ca !== undefined) return ca;
    throw new FleetsecError("refused", `CA generation ${number}, which issued it, is no longer trusted`, {
      hint: "nobody who uses the present trust bundle accepts the certificate",
    });
  });
}
