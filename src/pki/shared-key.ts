import { FleetsecError } from "../errors.ts";
import type { Files } from "../platform/files.ts";
import { readCertificateFile } from "./authority.ts";
import { type CertificateFiles, currentFiles } from "./generations.ts";
import { directoryOf } from "./issue.ts";
import type { Registry } from "./issuers/issuer.ts";
import { readSecret } from "./state.ts";
import { isTokenKey } from "./token-key.ts";

/**
 * Other names that use the key of a certificate, where a token keeps it: whoever holds it speaks for
 * all of them, and one that is stolen concerns them all. The keys themselves are compared, since many
 * URIs lead to one. Reads the inventory, and what each name of it uses.
 * @param files of the certificate
 * @param now milliseconds since the epoch
 * @returns none for a key in a file: each has its own
 */
export function namesWithSameKey(
  files: Files,
  registry: Registry,
  { name, files: own }: { readonly name: string; readonly files: CertificateFiles },
  now: number,
): readonly string[] {
  const key = tokenKeyIn(files, own);
  if (key === undefined) return [];
  const names = new Map<string, CertificateFiles>();
  for (const { issued, revoked } of registry.inventory.entries()) {
    const isUsed = issued.files !== undefined && revoked === undefined && Date.parse(issued.notAfter) >= now;
    if (isUsed && issued.name !== name) names.set(issued.name, currentFiles(directoryOf(registry, issued)));
  }
  return [...names]
    .filter(([, other]) => tokenKeyIn(files, other)?.equals(key) === true)
    .map(([found]) => found);
}

/** What that means, to be said of the certificate. Names are not escaped. */
export function sharedKeyWarning(names: readonly string[]): string {
  const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : "";
  return `has the key of ${names.slice(0, SHOWN).join(", ")}${more}: who can use it is all of them, and one revocation leaves the others valid`;
}

const SHOWN = 5;

/** The public key of a certificate whose private key is in a token; undefined for any other, and for one that cannot be read. */
function tokenKeyIn(files: Files, { key, cert }: CertificateFiles): Buffer | undefined {
  try {
    if (files.kind(key) === undefined || !isTokenKey(readSecret(files, key))) return undefined;
    return Buffer.from(readCertificateFile(files, cert).spki);
  } catch (error) {
    // another user's, or moved away: nothing can be said of it
    if (error instanceof FleetsecError) return undefined;
    throw error;
  }
}
