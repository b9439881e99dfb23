import { dirname } from "node:path";
import type { PkiPlatform } from "../state.ts";
import type { Crl } from "../verify/crl.ts";
import { readCrls } from "../verify/pem.ts";
import type { Service } from "./issuer.ts";

/**
 * Fetches a service's CRLs to where gateways read them. What cannot be read as CRLs is not written;
 * who reads the file checks the signatures. Gives them, the issuing CA's first; none where the
 * service publishes none.
 * @throws FleetsecError `input` for what is no CRL, and what asking the service throws
 */
export async function refreshServiceCrl(
  { files, locks }: PkiPlatform,
  service: Service,
): Promise<readonly Crl[]> {
  const { kind, layout } = service;
  const pem = await service.crl();
  if (pem === undefined) return [];
  const crls = readCrls(Buffer.from(pem), `the CRL of ${kind}`);
  await locks.hold(layout.lock, async () => {
    files.makeDirectory(dirname(layout.crl));
    files.write(layout.crl, pem);
  });
  return crls;
}
