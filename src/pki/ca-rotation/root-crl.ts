import { join } from "node:path";
import type { Files } from "../../platform/files.ts";
import { type Authority, type CaGeneration, caFiles, identityOf } from "../authority.ts";
import { readOwnCrl, readRootCrl } from "../crl-evidence.ts";
import { buildCrl, type CrlSpec, REASON_CODES } from "../crl.ts";
import type { RevocationReason } from "../inventory-line.ts";
import { encodePem } from "../pem.ts";
import { BACKDATE } from "../profiles.ts";
import { generationDirectory, type PkiPlatform, type StateLayout } from "../state.ts";
import type { Certificate } from "../verify/certificate.ts";
import { retiredCas } from "./retired.ts";

/**
 * Puts issuing CAs that are dropped on the CRL of their root, which stays trusted: nothing else tells relying
 * parties (RFC 5280 section 5.3.1, superseded). To be called under the state's lock.
 * @param next the generation that remains
 * @returns whether they are on it: the root's key may be kept elsewhere
 * @throws FleetsecError as unlocking the root's key and writing do
 */
export async function revokeByRoot(
  { files, clock }: Pick<PkiPlatform, "files" | "clock">,
  authority: Authority,
  next: CaGeneration,
  dropped: readonly Certificate[],
): Promise<boolean> {
  const { layout } = authority;
  const directory = generationDirectory(layout, next.number);
  const path = join(directory, caFiles.rootCrl);
  const listed = readRootCrl(files, path, next.root)?.revoked;
  if (dropped.every(({ serial }) => listed?.has(serial))) return true;
  if (files.kind(join(directory, caFiles.rootKey)) === undefined) return false;
  const now = clock.now();
  const spec: CrlSpec = {
    ...nextRootCrl(files, layout, next, dropped, now),
    issuer: identityOf(next.root),
    thisUpdate: now - BACKDATE,
    nextUpdate: next.issuing.notAfter,
  };
  files.write(path, encodePem("X509 CRL", await buildCrl(spec, await authority.rootSigner(next))));
  return true;
}

/**
 * What the CRL of a generation's root is to say after the one that is there: the same, and whatever was
 * dropped below that root.
 */
export function nextRootCrl(
  files: Files,
  layout: StateLayout,
  { number, root }: CaGeneration,
  dropped: readonly Certificate[],
  now: number,
): Pick<CrlSpec, "number" | "revoked"> {
  const path = join(generationDirectory(layout, number), caFiles.rootCrl);
  const listed = readRootCrl(files, path, root)?.revoked ?? new Map();
  const retired = retiredCas(files, layout).filter((ca) => Buffer.compare(ca.root.der, root.der) === 0);
  const gone = [...retired.map(({ issuing }) => issuing), ...dropped];
  const entries = new Map([
    ...gone.map(({ serial }) => [serial, { at: now, reason: "superseded" }] as const),
    ...listed,
  ]);
  return {
    number: readOwnCrl(files, { path, ca: root }).number + 1,
    revoked: [...entries].map(([serial, { at, reason }]) => ({
      serial: Buffer.from(serial, "hex"),
      revokedAt: at,
      reason: isOwnReason(reason) ? reason : "unspecified",
    })),
  };
}

/** A root's CRL may have been made elsewhere, where its key is kept. */
function isOwnReason(reason: string): reason is RevocationReason {
  return reason in REASON_CODES;
}
