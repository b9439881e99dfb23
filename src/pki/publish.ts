import { dirname, join } from "node:path";
import type { Files } from "../platform/files.ts";
import { type Authority, type CaGeneration, caFiles, generationsIn, type PkiSettings } from "./authority.ts";
import { buildCrl } from "./crl.ts";
import type { Issuer } from "./issuers/issuer.ts";
import type { InventoryEntry } from "./inventory.ts";
import type { InventoryRecord } from "./inventory-line.ts";
import { encodePem } from "./pem.ts";
import { BACKDATE } from "./profiles.ts";
import { MAX_PEM_BYTES, type PkiPlatform, serviceChain } from "./state.ts";
import { isoTime } from "./verify/time.ts";

/** A CRL of a million entries has some 50 megabytes. */
export const MAX_CRL_BYTES = 1 << 28;

/**
 * Writes what gateways read, `bundle.pem` and `crl.pem`, from the CA generations beside them. A
 * verifier that checks the whole chain needs the root's CRL too (nginx and Envoy do).
 */
export function publish(files: Files, authorities: string): void {
  const generations = generationsIn(files, authorities).map((number) => join(authorities, String(number)));
  const roots = generations.map((path) => files.readText(join(path, caFiles.rootCertificate), MAX_PEM_BYTES));
  const crls = generations.flatMap((path) => [
    files.readText(join(path, caFiles.issuingCrl), MAX_CRL_BYTES),
    files.readText(join(path, caFiles.rootCrl), MAX_CRL_BYTES),
  ]);
  files.write(join(authorities, "bundle.pem"), roots.join(""));
  files.write(join(authorities, "crl.pem"), crls.join(""));
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
    for (const ca of authority.trusted) await publishCrl(platform, authority, ca, settings);
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
 * Publishes a new CRL where half of the lifetime of the newest is over, so that a project that issues
 * and renews never lets it run out. To be called under the state's lock.
 */
async function keepCrlFresh(
  platform: PkiPlatform,
  authority: Authority,
  settings: PkiSettings,
): Promise<void> {
  const { current, inventory } = authority;
  const newest = inventory.newestCrl(current.number);
  const isFresh =
    newest !== undefined && platform.clock.now() < Date.parse(newest.at) + settings.crlTtl * 500;
  if (!isFresh) await publishCrl(platform, authority, current, settings);
}

/**
 * Adds records and publishes a CRL of an issuing CA that takes them into account. To be called under
 * the state's lock, after a refresh of the inventory.
 */
export async function publishCrl(
  { files, clock }: PkiPlatform,
  authority: Authority,
  ca: CaGeneration,
  settings: PkiSettings,
  records: readonly InventoryRecord[] = [],
): Promise<void> {
  const { inventory, layout } = authority;
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
        .filter(({ issued }) => Date.parse(issued.notAfter) + crlLifetime > now)
        .map(crlEntry),
    },
    signer,
  );
  const directory = join(layout.authorities, String(ca.number));
  files.write(join(directory, caFiles.issuingCrl), encodePem("X509 CRL", crl));
  publish(files, layout.authorities);
}

function crlEntry({ issued, revoked }: InventoryEntry) {
  return {
    serial: Buffer.from(issued.serial, "hex"),
    revokedAt: Date.parse(revoked?.at ?? issued.at),
    reason: revoked?.reason ?? ("unspecified" as const),
  };
}
