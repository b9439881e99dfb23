import { FleetsecError } from "../errors.ts";
import type { Authority, CaGeneration, PkiSettings } from "./authority.ts";
import type { InventoryEntry } from "./inventory.ts";
import type { RevocationReason, RevokeRecord } from "./inventory-line.ts";
import { publishCrl } from "./publish.ts";
import type { PkiPlatform } from "./state.ts";
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
}

/**
 * Revokes certificates and publishes the CRL that says so. The inventory knows first: a kill in
 * between leaves a revocation that the next CRL carries.
 * @throws FleetsecError `not-found`, `refused` where all certificates of the name have ended
 */
export async function revoke(
  platform: PkiPlatform,
  authority: Authority,
  settings: PkiSettings,
  { target, reason }: RevokeRequest,
): Promise<RevokeResult> {
  const { inventory, layout } = authority;
  // before the lock: this may ask a person for a passphrase
  for (const ca of authoritiesOf(authority, find(authority, target, platform.clock.now()))) {
    await authority.signer(ca);
  }
  return platform.locks.hold(layout.lock, async () => {
    inventory.refresh();
    const now = platform.clock.now();
    const found = find(authority, target, now);
    const already = found.filter(({ revoked }) => revoked !== undefined);
    const open = found.filter(({ revoked }) => revoked === undefined);
    for (const ca of authoritiesOf(authority, open)) {
      const records = open
        .filter(({ issued }) => issued.authority === ca.number)
        .map(({ issued }): RevokeRecord => {
          return { op: "revoke", at: isoTime(now), serial: issued.serial, reason };
        });
      await publishCrl(platform, authority, ca, settings, records);
    }
    const revoked = open.flatMap(({ issued }) => inventory.bySerial(issued.serial) ?? []);
    return { revoked, already };
  });
}

/** 32 of 159 random bits: what a person copies from a list that is cut off. */
const MIN_PREFIX = /^[0-9A-F]{8,40}$/;

/** A name, or a serial number as anybody prints it, or the beginning of one. */
function find({ inventory }: Authority, target: string, now: number): readonly InventoryEntry[] {
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
  const [first, second] = MIN_PREFIX.test(serial)
    ? inventory.entries().filter(({ issued }) => issued.serial.startsWith(serial))
    : [];
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
  return [...new Set(entries.map(({ issued }) => issued.authority))].map((number) => {
    const ca = trusted.find((candidate) => candidate.number === number);
    if (ca !== undefined) return ca;
    throw new FleetsecError("refused", `CA generation ${number}, which issued it, is no longer trusted`, {
      hint: "nobody who uses the present trust bundle accepts the certificate",
    });
  });
}
