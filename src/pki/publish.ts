import { dirname, join } from "node:path";
import { FleetsecError } from "../errors.ts";
import type { Files } from "../platform/files.ts";
import {
  type Authority,
  type CaGeneration,
  caFiles,
  crlPlace,
  generationsIn,
  type PkiSettings,
} from "./authority.ts";
import { readRootCrl } from "./crl-evidence.ts";
import { buildCrl, type RevokedCertificate } from "./crl.ts";
import type { Issuer } from "./issuers/issuer.ts";
import type { Revocation } from "./inventory-index.ts";
import type { InventoryRecord } from "./inventory-line.ts";
import { encodePem } from "./pem.ts";
import { BACKDATE } from "./profiles.ts";
import { MAX_PEM_BYTES, type PkiPlatform, serviceChain } from "./state.ts";
import { isoTime } from "./verify/time.ts";

/** A CRL of a million entries has some 50 megabytes. */
export const MAX_CRL_BYTES = 1 << 28;

/** What gateways read, PEM. */
interface Published {
  readonly bundle: string;
  readonly crl: string;
}

/**
 * What gateways are to read, from the CA generations on disk. A verifier that checks the whole chain
 * needs the root's CRL too (nginx and Envoy do). Generations below one root share its newest CRL.
 */
function publishable(files: Files, authorities: string): Published {
  const generations = generationsIn(files, authorities).map((number) => join(authorities, String(number)));
  const rootCrls = new Map<string, string>();
  for (const path of generations) {
    const root = files.readText(join(path, caFiles.rootCertificate), MAX_PEM_BYTES);
    rootCrls.set(root, files.readText(join(path, caFiles.rootCrl), MAX_CRL_BYTES));
  }
  const issuingCrls = generations.map((path) =>
    files.readText(join(path, caFiles.issuingCrl), MAX_CRL_BYTES),
  );
  return { bundle: [...rootCrls.keys()].join(""), crl: [...issuingCrls, ...rootCrls.values()].join("") };
}

const publishedFiles = { bundle: "bundle.pem", crl: "crl.pem" } as const;

/** Writes what gateways read beside the CA generations that it is made from, where it is not there yet. */
export function publish(files: Files, authorities: string): void {
  for (const { path, text } of unpublished(files, authorities)) files.write(path, text);
}

/** Whether what gateways read is what the CA generations on disk ask for. */
export function isPublished(files: Files, authorities: string): boolean {
  return unpublished(files, authorities).length === 0;
}

function unpublished(files: Files, authorities: string): { path: string; text: string }[] {
  const wanted = publishable(files, authorities);
  return (["bundle", "crl"] as const)
    .map((name) => ({ path: join(authorities, publishedFiles[name]), text: wanted[name] }))
    .filter(({ path, text }) => files.kind(path) !== "file" || files.readText(path, MAX_CRL_BYTES) !== text);
}

/** Makes a new CRL of each issuing CA that is trusted. @throws FleetsecError as unlocking and writing do */
export async function refreshCrls(
  platform: PkiPlatform,
  authority: Authority,
  settings: PkiSettings,
): Promise<void> {
  // before the lock: this may ask a person for a passphrase
  for (const ca of authority.trusted) await authority.signer(ca);
  await platform.locks.hold(authority.layout.lock, async () => {
    authority.inventory.refresh();
    for (const ca of authority.trusted) await writeCrl(platform, authority, ca, settings);
    publish(platform.files, authority.layout.authorities);
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
  const { current, inventory, trusted } = authority;
  for (const ca of trusted) {
    const newest = inventory.newestCrl(ca.number);
    const isFresh =
      newest !== undefined && platform.clock.now() < Date.parse(newest.at) + settings.crlTtl * 500;
    // a CA that is being replaced must not keep the other from issuing, for instance by a lost passphrase
    if (!isFresh && (ca === current || (await canSign(authority, ca)))) {
      await publishCrl(platform, authority, ca, settings);
    }
  }
}

async function canSign(authority: Authority, ca: CaGeneration): Promise<boolean> {
  try {
    await authority.signer(ca);
    return true;
  } catch (error) {
    if (error instanceof FleetsecError) return false;
    throw error;
  }
}

/**
 * Adds records and publishes a CRL of an issuing CA that takes them into account. To be called under
 * the state's lock, after a refresh of the inventory.
 */
export async function publishCrl(
  platform: PkiPlatform,
  authority: Authority,
  ca: CaGeneration,
  settings: PkiSettings,
  records: readonly InventoryRecord[] = [],
): Promise<void> {
  await writeCrl(platform, authority, ca, settings, records);
  publish(platform.files, authority.layout.authorities);
}

async function writeCrl(
  { files, clock }: PkiPlatform,
  authority: Authority,
  ca: CaGeneration,
  settings: PkiSettings,
  records: readonly InventoryRecord[] = [],
): Promise<void> {
  const { inventory, layout, trusted } = authority;
  // published beside it: before anything is written
  for (const { number, root } of trusted)
    readRootCrl(files, join(layout.authorities, String(number), caFiles.rootCrl), root);
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
  files.write(crlPlace(layout, ca).path, encodePem("X509 CRL", crl));
}

function crlEntry({ serial, revoked: { at, reason } }: Revocation): RevokedCertificate {
  return { serial: Buffer.from(serial, "hex"), revokedAt: Date.parse(at), reason };
}
