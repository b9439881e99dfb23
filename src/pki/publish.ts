import { dirname } from "node:path";
import { FleetsecError } from "../errors.ts";
import type { Files } from "../platform/files.ts";
import { type Authority, type CaGeneration, crlPlace, type PkiSettings } from "./authority.ts";
import { type FutureRootCrl, renewRootCrl, rootCrlsOfFuture } from "./ca-rotation/root-crl.ts";
import { buildCrl, type RevokedCertificate } from "./crl.ts";
import type { Issuer } from "./issuers/issuer.ts";
import type { Revocation } from "./inventory-index.ts";
import type { InventoryRecord } from "./inventory-line.ts";
import { encodePem } from "./pem.ts";
import { BACKDATE } from "./profiles.ts";
import { isPublished, publish, publishCrl, type PublishedName, unpublished } from "./published.ts";
import { requirePublishable } from "./soundness.ts";
import { MAX_PEM_BYTES, type PkiPlatform, serviceChain } from "./state.ts";
import { isoTime } from "./verify/time.ts";

/**
 * Makes a new CRL of each issuing CA that is trusted, and of a root where it begins in the future and the root's
 * key is here.
 * @throws FleetsecError as unlocking and writing do
 */
export async function refreshCrls(
  platform: PkiPlatform,
  authority: Authority,
  settings: PkiSettings,
): Promise<void> {
  // before the lock: this may ask a person for a passphrase
  for (const ca of authority.trusted) await authority.signer(ca);
  for (const root of futureRootCrls(platform, authority)) await unlockRoot(authority, root);
  await platform.locks.hold(authority.layout.lock, async () => {
    authority.inventory.refresh();
    for (const root of futureRootCrls(platform, authority)) {
      requirePublishable(platform.files, authority);
      await renewRootCrl(platform, authority, root);
    }
    for (const ca of authority.trusted) await writeCrl(platform, authority, ca, settings);
  });
}

/**
 * What gateways read beside certificates is kept up to date whenever something is issued. To be
 * called under the state's lock.
 * @param chain PEM of the CAs between what was issued and a root
 */
export async function keepFresh(
  platform: PkiPlatform,
  issuer: Issuer,
  settings: PkiSettings,
  chain: string,
): Promise<void> {
  if (issuer.kind === "local") return keepCrlFresh(platform, issuer, settings);
  const { layout, anchors } = issuer;
  const bundle = anchors.map(({ der }) => encodePem("CERTIFICATE", der)).join("");
  keepWritten(platform.files, layout.trustBundle, bundle);
  keepWritten(platform.files, serviceChain(layout), chain);
}

function keepWritten(files: Files, path: string, text: string): void {
  if (files.kind(path) === "file" && files.readText(path, MAX_PEM_BYTES) === text) return;
  files.makeDirectory(dirname(path));
  files.write(path, text);
}

/**
 * Publishes new CRLs of the CAs that are trusted where half of the lifetime of the newest is over, so
 * that a project that issues and renews never lets one run out: gateways refuse every client then. To
 * be called under the state's lock.
 */
async function keepCrlFresh(
  platform: PkiPlatform,
  authority: Authority,
  settings: PkiSettings,
): Promise<void> {
  const now = platform.clock.now();
  const half = now - settings.crlTtl * 500;
  const isOld = (ca: CaGeneration) => {
    const newest = authority.inventory.newestCrl(ca.number);
    return newest === undefined || Date.parse(newest.at) <= half || isOfFuture(authority, ca, now);
  };
  await publishCrls(platform, authority, settings, (ca) => (isOld(ca) ? [] : undefined));
}

/**
 * Whether the newest CRL was made while the clock was ahead: gateways refuse every client by it, and it is not
 * half over for long. A clock that is behind the CA's own beginning is the one that is wrong.
 */
function isOfFuture({ inventory }: Authority, { number, issuing }: CaGeneration, now: number): boolean {
  const newest = inventory.newestCrl(number);
  if (newest === undefined || now < issuing.notBefore) return false;
  return now < Date.parse(newest.at) - BACKDATE;
}

/**
 * Adds records, makes a CRL of each issuing CA that has some, and publishes what is not published yet:
 * what a process recorded that was killed, or failed, before its CRL was there is on the CRL from here
 * on. To be called under the state's lock, after a refresh of the inventory.
 * @param recordsOf undefined where nothing asks for a new CRL of that CA
 * @returns whether anything was published
 */
export async function publishCrls(
  platform: PkiPlatform,
  authority: Authority,
  settings: PkiSettings,
  recordsOf: (ca: CaGeneration) => readonly InventoryRecord[] | undefined,
): Promise<boolean> {
  const { files } = platform;
  const { current, inventory, layout, trusted } = authority;
  let isDone = false;
  for (const root of futureRootCrls(platform, authority)) {
    if (!(await isOpened(() => unlockRoot(authority, root)))) continue;
    requirePublishable(files, authority);
    await renewRootCrl(platform, authority, root);
  }
  for (const ca of trusted) {
    const records = recordsOf(ca);
    if (records === undefined && !inventory.isAheadOfCrl(ca.number)) continue;
    // a CA that is being replaced must not keep the other from issuing, for instance by a lost passphrase
    const isNeeded = ca === current || (records ?? []).length > 0;
    if (!isNeeded && !(await isOpened(() => authority.signer(ca)))) continue;
    await writeCrl(platform, authority, ca, settings, records);
    isDone = true;
  }
  if (isDone || isPublished(files, layout.authorities)) return isDone;
  requirePublishable(files, authority);
  publish(files, layout.authorities);
  return true;
}

/**
 * Which of the files that gateways read are not what the CA generations ask for, or, of the CRL, not what
 * is on record or not valid yet.
 */
export function staleFiles(
  files: Files,
  authority: Authority,
  now: number,
): Readonly<Record<PublishedName, boolean>> {
  const { inventory, layout, trusted } = authority;
  const names = unpublished(files, layout.authorities).map(({ name }) => name);
  const isBehind = trusted.some((ca) => inventory.isAheadOfCrl(ca.number) || isOfFuture(authority, ca, now));
  const isEarly = rootCrlsOfFuture(files, authority, now).length > 0;
  return { bundle: names.includes("bundle"), crl: isBehind || isEarly || names.includes("crl") };
}

/**
 * Publishes what an earlier process left unpublished, for a command that may have nothing else to write.
 * @throws FleetsecError as unlocking and writing do
 */
export async function publishMissing(
  platform: PkiPlatform,
  issuer: Issuer,
  settings: PkiSettings,
): Promise<void> {
  if (issuer.kind !== "local") return;
  const { bundle, crl } = staleFiles(platform.files, issuer, platform.clock.now());
  if (!bundle && !crl) return;
  // before the lock: this may ask a person for a passphrase
  await issuer.signer();
  await platform.locks.hold(issuer.layout.lock, async () => {
    issuer.inventory.refresh();
    await keepCrlFresh(platform, issuer, settings);
  });
}

async function isOpened(open: () => Promise<unknown>): Promise<boolean> {
  try {
    await open();
    return true;
  } catch (error) {
    if (error instanceof FleetsecError) return false;
    throw error;
  }
}

function futureRootCrls({ files, clock }: PkiPlatform, authority: Authority): FutureRootCrl[] {
  return rootCrlsOfFuture(files, authority, clock.now());
}

async function unlockRoot(authority: Authority, { ca, hasKey }: FutureRootCrl): Promise<void> {
  if (hasKey) await authority.rootSigner(ca);
}

async function writeCrl(
  { files, clock }: PkiPlatform,
  authority: Authority,
  ca: CaGeneration,
  settings: PkiSettings,
  records: readonly InventoryRecord[] = [],
): Promise<void> {
  const { inventory, layout } = authority;
  // before anything is written
  requirePublishable(files, authority);
  inventory.requireEntries(ca.number);
  const signer = await authority.signer(ca);
  const now = clock.now();
  const number = (inventory.newestCrl(ca.number)?.number ?? 0) + 1;
  const at = isoTime(now);
  inventory.append([...records, { op: "crl", at, authority: ca.number, number }]);
  const crlLifetime = settings.crlTtl * 1000;
  const crl = await buildCrl(
    {
      issuer: ca.issuer,
      number,
      thisUpdate: now - BACKDATE,
      nextUpdate: now + crlLifetime,
      revoked: inventory
        .revocations(ca.number)
        // an entry stays on one CRL beyond its certificate's end (RFC 5280 section 3.3)
        .filter(({ notAfter }) => Date.parse(notAfter) + crlLifetime > now)
        .map(crlEntry),
    },
    signer,
  );
  const { path } = crlPlace(layout, ca);
  await publishCrl(files, layout.authorities, { path, data: encodePem("X509 CRL", crl) });
}

function crlEntry({ serial, revoked: { at, reason } }: Revocation): RevokedCertificate {
  return { serial: Buffer.from(serial, "hex"), revokedAt: Date.parse(at), reason };
}
