import { dirname } from "node:path";
import type { PkiPlatform } from "../state.ts";
import { readCrls } from "../verify/pem.ts";
import type { Service } from "./issuer.ts";

/**
 * Fetches a service's CRLs to where gateways read them. What cannot be read as CRLs is not written;
 * who reads the file checks the signatures.
 * @throws FleetsecError `input` for what is no CRL, and what asking the service throws
 */
export async function refreshServiceCrl(
  { files, locks }: PkiPlatform,
  service: Service,
): Promise<"written" | "none"> {
  const { kind, layout } = service;
  const pem = await service.crl();
  if (pem === undefined) return "none";
  readCrls(Buffer.from(pem), `the CRL of ${kind}`);
  await locks.hold(layout.lock, async () => {
    files.makeDirectory(dirname(layout.crl));
    files.write(layout.crl, pem);
  });
  return "written";
}
