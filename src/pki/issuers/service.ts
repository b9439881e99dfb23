import { FleetsecError } from "../../errors.ts";
import { requireGuarded } from "../guarded.ts";
import { createInventory, openInventory } from "../inventory.ts";
import { type PkiPlatform, serviceLayout } from "../state.ts";
import { type Certificate, isSelfIssued } from "../verify/certificate.ts";
import { MAX_CERTIFICATE_FILE, readCertificates } from "../verify/pem.ts";
import type { Registry } from "./issuer.ts";

/**
 * The state beside a service: made where there is none, since nothing else has to be set up.
 * @throws FleetsecError `state` where the inventory alone is missing, `permission` where others can write there, and as `openInventory`
 */
export async function openRegistry({ files, locks }: PkiPlatform, stateDirectory: string): Promise<Registry> {
  const layout = serviceLayout(stateDirectory);
  const isUsed =
    files.kind(layout.certificates) !== undefined || files.kind(layout.trustBundle) !== undefined;
  if (files.kind(layout.inventory) === undefined && !isUsed) {
    files.makeDirectory(stateDirectory);
    await locks.hold(layout.lock, async () => createInventory(files, layout.inventory));
  }
  requireGuarded(files, stateDirectory, layout);
  return { stateDirectory, layout, inventory: openInventory(files, layout.inventory) };
}

/**
 * What the certificates of a service must come from.
 * @param path PEM of self-signed certificates
 * @throws FleetsecError `config` for a file that holds another certificate, and what reading throws
 */
export function readAnchors({ files }: Pick<PkiPlatform, "files">, path: string): readonly Certificate[] {
  const anchors = readCertificates(files.read(path, MAX_CERTIFICATE_FILE), path);
  if (anchors.every(isSelfIssued)) return anchors;
  throw new FleetsecError("config", `${path} holds a certificate that is no root`, {
    hint: "pki.trust_anchor names a file of root certificates only",
  });
}
