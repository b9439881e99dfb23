import { join } from "node:path";
import { FleetsecError } from "../errors.ts";
import type { Files } from "../platform/files.ts";
import type { Tokens } from "../platform/pkcs11/tokens.ts";
import { chainFault } from "./ca-chain.ts";
import { type CrlPlace, openWitnessed, requireRootCrl, type Witnessed } from "./crl-evidence.ts";
import { requireGuarded, requireGuardedKeys } from "./guarded.ts";
import type { Registry } from "./issuers/issuer.ts";
import type { KeyType, Signer } from "./keys.ts";
import { decodeSinglePem } from "./pem.ts";
import type { IssuerIdentity } from "./profiles.ts";
import { displayName } from "./verify/name.ts";
import { type Certificate, parseCertificate } from "./verify/certificate.ts";
import { fingerprintOf } from "./verify/describe.ts";
import { MAX_CERTIFICATE_FILE, readCertificates } from "./verify/pem.ts";
import { openKey } from "./token-key.ts";
import { MAX_PEM_BYTES, readSecret, type StateLayout, stateLayout } from "./state.ts";

/** What a project's certificates have in common. Durations are in seconds. */
export interface PkiSettings {
  /** The `O` of every subject. */
  readonly organization: string;
  readonly trustDomain: string;
  /** Of CA keys, and of leaf keys where none is asked for. */
  readonly keyType: KeyType;
  readonly rootTtl: number;
  readonly issuingTtl: number;
  readonly crlTtl: number;
  /** How long after its end a certificate may still be renewed. */
  readonly renewGrace: number;
  readonly crlUrl?: string | undefined;
  readonly ocspUrl?: string | undefined;
}

/** A root and the issuing CA below it. */
export interface CaGeneration {
  readonly number: number;
  readonly root: Certificate;
  readonly issuing: Certificate;
  /** What leaves copy from the issuing CA. */
  readonly issuer: IssuerIdentity;
  /** The root's key identifier in hexadecimal: the name of this CA wherever its project is moved. */
  readonly id: string;
}

/** Gives the passphrase of a CA's keys. */
export type PassphraseSource = (id: string) => Promise<string>;

/** A project's CA as it lies on disk, with keys that are unlocked when they are first needed. */
export interface Authority extends Registry {
  readonly kind: "local";
  readonly inventory: Witnessed;
  /** The one that issues. */
  readonly current: CaGeneration;
  /** Those whose roots are trusted, the current one among them. */
  readonly trusted: readonly CaGeneration[];
  /**
   * The issuing CA's key.
   * @throws FleetsecError `passphrase`, `permission`, `not-found`; `state` where it is another's, or the
   *   certificates are not those of a root and an issuing CA below it
   */
  signer(ca?: CaGeneration): Promise<Signer>;
  /**
   * A root's key, unlocked each time and not kept: it signs almost nothing.
   * @throws FleetsecError as `signer`
   */
  rootSigner(ca: CaGeneration): Promise<Signer>;
}

/** Names of the files in a CA generation's directory. */
export const caFiles = {
  rootCertificate: "root-cert.pem",
  rootKey: "root-key.pem",
  rootCrl: "root-crl.pem",
  issuingCertificate: "issuing-cert.pem",
  issuingKey: "issuing-key.pem",
  issuingCrl: "issuing-crl.pem",
} as const;

/**
 * Opens the CA in a state directory.
 * @param unusableCrls see `openWitnessed`
 * @throws FleetsecError `not-found` where there is none, `state` or `input` where it is damaged, `permission`
 *   where others can read its keys or write in its directories
 */
export function openAuthority(
  files: Files,
  stateDirectory: string,
  passphrase: PassphraseSource,
  tokens?: Tokens,
  unusableCrls?: "refused" | "ignored",
): Authority {
  const layout = stateLayout(stateDirectory);
  const link = join(layout.authorities, "current");
  if (files.kind(link) === undefined) {
    throw new FleetsecError("not-found", `there is no CA in ${stateDirectory}`, {
      hint: "run fleetsec ca init",
    });
  }
  requireGuarded(files, stateDirectory, layout);
  const trusted = readGenerations(files, layout);
  const current = trusted.find(({ number }) => String(number) === files.readLink(link));
  if (current === undefined) throw new FleetsecError("state", `${link} leads to no CA`);
  const signers = new Map<number, Promise<Signer>>();
  const unlock = async (ca: CaGeneration, name: string, certificate: Certificate): Promise<Signer> => {
    const fault = chainFault(layout, ca);
    if (fault !== undefined) throw fault;
    const path = join(layout.authorities, String(ca.number), name);
    const sources = { tokens, passphrase: () => passphrase(ca.id) };
    const { signer } = await openKey(readSecret(files, path), path, sources);
    if (Buffer.compare(signer.spki, certificate.spki) === 0) return signer;
    throw new FleetsecError("state", `${path} is not the key of the certificate beside it`);
  };
  return {
    kind: "local",
    stateDirectory,
    layout,
    current,
    trusted,
    inventory: openWitnessed(
      files,
      layout.inventory,
      // what is no CA has no CRL either; who would use it is told why
      trusted.filter((ca) => chainFault(layout, ca) === undefined).map((ca) => crlPlace(layout, ca)),
      layout.crl,
      unusableCrls,
    ),
    signer(ca = current) {
      const known = signers.get(ca.number) ?? unlock(ca, caFiles.issuingKey, ca.issuing);
      signers.set(ca.number, known);
      return known;
    },
    rootSigner: (ca) => unlock(ca, caFiles.rootKey, ca.root),
  };
}

/** Where the CRL of a generation's issuing CA lies. */
export function crlPlace({ authorities }: StateLayout, { number, issuing }: CaGeneration): CrlPlace {
  return { authority: number, path: join(authorities, String(number), caFiles.issuingCrl), ca: issuing };
}

/** Whether a CA was added, dropped or put in charge since this one was opened. */
export function caChanged(files: Files, { layout, current, trusted }: Authority): boolean {
  const there = generationsIn(files, layout.authorities);
  return (
    files.readLink(join(layout.authorities, "current")) !== String(current.number) ||
    there.length !== trusted.length ||
    trusted.some(({ number }, i) => number !== there[i])
  );
}

/** The paths of the issuing CAs' certificates. @throws FleetsecError `not-found` where there is no CA */
export function issuingCertificates(files: Files, { authorities }: StateLayout): string[] {
  return generationsIn(files, authorities).map((number) =>
    join(authorities, String(number), caFiles.issuingCertificate),
  );
}

/**
 * The trust bundle that a CA publishes may be a file that somebody put there: what is trusted by default
 * is held to the CA beside it. A root that is not published yet may be missing in it.
 * @throws FleetsecError `state` where it has another root
 */
export function requireOwnRoots(files: Files, { authorities, trustBundle }: StateLayout): void {
  const own = new Set(
    generationsIn(files, authorities).map((number) =>
      fingerprintOf(readCertificateFile(files, join(authorities, String(number), caFiles.rootCertificate))),
    ),
  );
  const bundle = readCertificates(files.read(trustBundle, MAX_CERTIFICATE_FILE), trustBundle);
  const foreign = bundle.find((certificate) => !own.has(fingerprintOf(certificate)));
  if (foreign === undefined) return;
  throw new FleetsecError(
    "state",
    `${trustBundle} has ${displayName(foreign.subject)}, SHA-256 ${fingerprintOf(foreign).slice(0, 16)}…, which is no root of the CA beside it`,
    { hint: "find out who put it there; fleetsec ca crl publishes the CA's own again" },
  );
}

/** The numbers of the CA generations on disk, ascending. */
export function generationsIn(files: Files, authorities: string): number[] {
  return files
    .list(authorities)
    .filter((name) => /^[1-9]\d{0,5}$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}

/** A certificate from a PEM file that holds nothing else. @throws FleetsecError */
export function readCertificateFile(files: Files, path: string): Certificate {
  const { der } = decodeSinglePem(files.readText(path, MAX_PEM_BYTES), path, ["CERTIFICATE"]);
  return parseCertificate(der, path);
}

/** The CA generations on disk, ascending. @throws FleetsecError as `openAuthority` */
export function readGenerations(
  files: Files,
  { authorities }: Pick<StateLayout, "authorities">,
): CaGeneration[] {
  return generationsIn(files, authorities).map((number) => readGeneration(files, authorities, number));
}

function readGeneration(files: Files, authorities: string, number: number): CaGeneration {
  const directory = join(authorities, String(number));
  requireGuardedKeys(files, directory, [caFiles.rootKey, caFiles.issuingKey]);
  const [rootPath, issuingPath] = [caFiles.rootCertificate, caFiles.issuingCertificate].map((name) =>
    join(directory, name),
  ) as [string, string];
  const root = readCertificateFile(files, rootPath);
  const issuing = readCertificateFile(files, issuingPath);
  requireRootCrl(files, join(directory, caFiles.rootCrl));
  return caGeneration(number, root, issuing);
}

export function caGeneration(number: number, root: Certificate, issuing: Certificate): CaGeneration {
  return {
    number,
    root,
    issuing,
    issuer: identityOf(issuing),
    id: keyIdOf(root).toString("hex"),
  };
}

/** What certificates below a CA copy from its certificate. */
export function identityOf(ca: Certificate): IssuerIdentity {
  return { subject: ca.subject.der, keyId: keyIdOf(ca) };
}

function keyIdOf({ subjectKeyId, subject }: Certificate): Buffer {
  if (subjectKeyId !== undefined) return Buffer.from(subjectKeyId, "hex");
  throw new FleetsecError(
    "input",
    `the CA certificate of ${displayName(subject)} has no subject key identifier`,
  );
}
