import { join } from "node:path";
import { FleetsecError } from "../../errors.ts";
import type { Files } from "../../platform/files.ts";
import { type Authority, type CaGeneration, caFiles, identityOf } from "../authority.ts";
import { readOwnCrl, readRootCrl } from "../crl-evidence.ts";
import { buildCrl, type CrlSpec, REASON_CODES } from "../crl.ts";
import type { RevocationReason } from "../inventory-line.ts";
import { encodePem } from "../pem.ts";
import { BACKDATE } from "../profiles.ts";
import { generationDirectory, type PkiPlatform } from "../state.ts";
import type { Certificate } from "../verify/certificate.ts";
import { retiredCas } from "./retired.ts";

type Generations = Pick<Authority, "layout" | "trusted">;
type World = Pick<PkiPlatform, "files" | "clock">;

/** A root's CRL that was made while the clock was ahead: until it begins, gateways refuse every client by it. */
export interface FutureRootCrl {
  /** The newest generation below that root, whose copy is the one that gateways read. */
  readonly ca: CaGeneration;
  /** Milliseconds since the epoch. */
  readonly thisUpdate: number;
  /** Whether the root's key is there, and not kept elsewhere. */
  readonly hasKey: boolean;
}

/**
 * The CRLs of roots that begin in the future. A clock that is behind the root's own beginning is the one that
 * is wrong.
 * @param now milliseconds since the epoch
 */
export function rootCrlsOfFuture(files: Files, all: Generations, now: number): FutureRootCrl[] {
  const { layout, trusted } = all;
  return trusted
    .filter((ca) => below(trusted, ca.root).at(-1) === ca && ca.root.notBefore <= now)
    .flatMap((ca) => {
      const thisUpdate = beginningOf(files, all, ca);
      if (thisUpdate === undefined || thisUpdate <= now) return [];
      return { ca, thisUpdate, hasKey: files.kind(rootKeyPath(layout, ca)) !== undefined };
    });
}

/** Undefined for a CRL that is damaged: whoever would publish it is told so. */
function beginningOf(files: Files, { layout }: Generations, ca: CaGeneration): number | undefined {
  try {
    return readRootCrl(files, rootCrlPath(layout, ca), ca.root)?.thisUpdate;
  } catch (error) {
    if (error instanceof FleetsecError) return undefined;
    throw error;
  }
}

/** The generations below one root, which all have that root's key and CRL; the newest last. */
function below(trusted: readonly CaGeneration[], root: Certificate): CaGeneration[] {
  return trusted.filter((ca) => Buffer.compare(ca.root.der, root.der) === 0);
}

function rootCrlPath(layout: Authority["layout"], { number }: CaGeneration): string {
  return join(generationDirectory(layout, number), caFiles.rootCrl);
}

/** Where the key of a generation's root belongs. */
export function rootKeyPath(layout: Authority["layout"], { number }: CaGeneration): string {
  return join(generationDirectory(layout, number), caFiles.rootKey);
}

/**
 * Makes a root's CRL anew where it begins in the future. To be called under the state's lock; what gateways
 * read is left to be published.
 * @throws FleetsecError as unlocking the root's key and writing do
 */
export async function renewRootCrl(
  world: World,
  authority: Authority,
  { ca, hasKey }: FutureRootCrl,
): Promise<void> {
  if (hasKey) await writeRootCrl(world, authority, ca, []);
}

/**
 * Puts issuing CAs that are dropped on the CRL of their root, which stays trusted: nothing else tells relying
 * parties (RFC 5280 section 5.3.1, superseded). To be called under the state's lock.
 * @param next the generation that remains
 * @returns whether they are on it: the root's key may be kept elsewhere
 * @throws FleetsecError as unlocking the root's key and writing do
 */
export async function revokeByRoot(
  world: World,
  authority: Authority,
  next: CaGeneration,
  dropped: readonly Certificate[],
): Promise<boolean> {
  const { files } = world;
  const listed = readRootCrl(files, rootCrlPath(authority.layout, next), next.root)?.revoked;
  if (dropped.every(({ serial }) => listed?.has(serial))) return true;
  if (files.kind(rootKeyPath(authority.layout, next)) === undefined) return false;
  await writeRootCrl(world, authority, next, dropped);
  return true;
}

async function writeRootCrl(
  { files, clock }: World,
  authority: Authority,
  ca: CaGeneration,
  dropped: readonly Certificate[],
): Promise<void> {
  const now = clock.now();
  const spec: CrlSpec = {
    ...nextRootCrl(files, authority, ca, dropped, now),
    issuer: identityOf(ca.root),
    thisUpdate: now - BACKDATE,
    nextUpdate: ca.issuing.notAfter,
  };
  const crl = await buildCrl(spec, await authority.rootSigner(ca));
  files.write(rootCrlPath(authority.layout, ca), encodePem("X509 CRL", crl));
}

/**
 * What the CRL of a generation's root is to say after those that are there: the same, and whatever was
 * dropped below that root.
 */
export function nextRootCrl(
  files: Files,
  { layout, trusted }: Generations,
  { root }: CaGeneration,
  dropped: readonly Certificate[],
  now: number,
): Pick<CrlSpec, "number" | "revoked"> {
  const paths = below(trusted, root).map((ca) => rootCrlPath(layout, ca));
  const listed = paths.flatMap((path) => [...(readRootCrl(files, path, root)?.revoked ?? [])]);
  const retired = retiredCas(files, layout).filter((ca) => Buffer.compare(ca.root.der, root.der) === 0);
  const gone = [...retired.map(({ issuing }) => issuing), ...dropped];
  const entries = new Map([
    ...gone.map(({ serial }) => [serial, { at: now, reason: "superseded" }] as const),
    ...listed,
  ]);
  return {
    number: Math.max(...paths.map((path) => readOwnCrl(files, { path, ca: root }).number)) + 1,
    revoked: [...entries].map(([serial, { at, reason }]) => ({
      serial: Buffer.from(serial, "hex"),
      revokedAt: Math.min(at, now),
      reason: isOwnReason(reason) ? reason : "unspecified",
    })),
  };
}

/** A root's CRL may have been made elsewhere, where its key is kept. */
function isOwnReason(reason: string): reason is RevocationReason {
  return reason in REASON_CODES;
}
