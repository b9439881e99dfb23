import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Files } from "../../platform/files.ts";
import { type Authority, type CaGeneration, caFiles, type PkiSettings } from "../authority.ts";
import { readRootCrl } from "../crl-evidence.ts";
import { keyHash } from "../extensions.ts";
import { oids } from "../oids.ts";
import type { PkiPlatform } from "../state.ts";
import type { Certificate } from "../verify/certificate.ts";
import type { CertId } from "./request.ts";
import type { CertStatus } from "./response.ts";
import { issuingDelegate, rootDelegate, type SignerSource } from "./signer.ts";

/** A CA that the responder answers for. */
export interface OcspIssuer {
  readonly certificate: Certificate;
  /** @throws FleetsecError where what it is read from is damaged */
  statusOf(serial: string): CertStatus;
  readonly signer: SignerSource;
}

/**
 * The CAs of a project: every issuing CA that is trusted and has not ended, and every root whose key
 * is here.
 */
export function ocspIssuers(
  platform: PkiPlatform,
  authority: Authority,
  settings: PkiSettings,
): readonly OcspIssuer[] {
  const now = platform.clock.now();
  // generations of issuing CAs share a root, whose newest CRL counts
  const roots = new Map(authority.trusted.map((ca) => [ca.id, ca]));
  return authority.trusted.flatMap((ca) => [
    ...(ca.issuing.notAfter > now ? [issuingIssuer(platform, authority, settings, ca)] : []),
    ...(roots.get(ca.id) === ca && ca.root.notAfter > now && hasRootKey(platform.files, authority, ca)
      ? [rootIssuer(platform, authority, settings, ca)]
      : []),
  ]);
}

function issuingIssuer(
  platform: PkiPlatform,
  authority: Authority,
  settings: PkiSettings,
  ca: CaGeneration,
): OcspIssuer {
  return {
    certificate: ca.issuing,
    signer: issuingDelegate(platform, authority, settings, ca),
    statusOf(serial) {
      const entry = authority.inventory.bySerial(serial);
      if (entry?.issued.authority !== ca.number) return { status: "unknown" };
      const { revoked } = entry;
      if (revoked === undefined) return { status: "good" };
      return { status: "revoked", at: Date.parse(revoked.at), reason: revoked.reason };
    },
  };
}

/** A root has no inventory: what it issued are the issuing CAs, and what it revoked is on its CRL. */
function rootIssuer(
  platform: PkiPlatform,
  authority: Authority,
  settings: PkiSettings,
  ca: CaGeneration,
): OcspIssuer {
  const crlPath = join(directoryOf(authority, ca), caFiles.rootCrl);
  return {
    certificate: ca.root,
    signer: rootDelegate(platform, authority, settings, ca),
    statusOf(serial) {
      const revoked = readRootCrl(platform.files, crlPath, ca.root)?.revoked.get(serial);
      if (revoked !== undefined) return { status: "revoked", ...revoked };
      const issued = authority.trusted.some(({ id, issuing }) => id === ca.id && issuing.serial === serial);
      return { status: issued ? "good" : "unknown" };
    },
  };
}

function hasRootKey(files: Files, authority: Authority, ca: CaGeneration): boolean {
  return files.kind(join(directoryOf(authority, ca), caFiles.rootKey)) !== undefined;
}

function directoryOf({ layout }: Authority, { number }: CaGeneration): string {
  return join(layout.authorities, String(number));
}

/** Whether a certificate is asked about by its issuer's name and key. Any hash but these two matches nothing. */
export function isIssuerOf({ certificate }: OcspIssuer, id: CertId): boolean {
  const algorithm = HASHES.get(id.hashAlgorithm);
  if (algorithm === undefined) return false;
  const nameHash = createHash(algorithm).update(certificate.subject.der).digest();
  return nameHash.equals(id.issuerNameHash) && keyHash(certificate.spki, algorithm).equals(id.issuerKeyHash);
}

const HASHES: ReadonlyMap<string, "sha1" | "sha256"> = new Map([
  [oids.sha1, "sha1"],
  [oids.sha256, "sha256"],
]);
