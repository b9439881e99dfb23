import { isAbsolute, join, relative, resolve } from "node:path";
import { FleetsecError } from "../errors.ts";
import type { Authority, CaGeneration, PkiSettings } from "./authority.ts";
import { buildCertificate, formatSerial } from "./certificate.ts";
import {
  activate,
  type CertificateFiles,
  currentFiles,
  type GenerationContent,
  generationPath,
  nextGeneration,
  prune,
  writeGeneration,
} from "./generations.ts";
import type { IssueRecord } from "./inventory-line.ts";
import { privateKeyPem } from "./key-file.ts";
import { generateKey, spkiOf } from "./keys.ts";
import { encodePem } from "./pem.ts";
import { type IssuePlan, type IssueRequest, planIssue } from "./plan.ts";
import { leafProfile } from "./profiles.ts";
import { keepCrlFresh } from "./publish.ts";
import { formatSan } from "./roles.ts";
import type { PkiPlatform } from "./state.ts";
import { parseCertificate } from "./verify/certificate.ts";
import { constraintViolation } from "./verify/name-constraints.ts";
import { isoTime } from "./verify/time.ts";

/** A certificate that was issued and is in the inventory. */
export interface IssuedCertificate {
  readonly name: string;
  /** As OpenSSL prints it. */
  readonly serial: string;
  readonly role: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** `dns:…`, `ip:…`, `uri:…`. */
  readonly sans: readonly string[];
  /** PEM of certificate and chain. */
  readonly cert: string;
  readonly chain: string;
}

/** One whose files lie in a directory of its NAME. */
export interface StoredCertificate extends IssuedCertificate {
  readonly files: CertificateFiles;
  /** The serial of the newest certificate before it that is still valid. */
  readonly replaces: string | undefined;
}

/** One that exists in memory only, with its key. */
export interface EphemeralCertificate extends IssuedCertificate {
  /** PKCS #8 PEM. */
  readonly key: string;
}

/**
 * Issues a certificate with a new key and puts both under `directory`/NAME, or under the state's own
 * certificates.
 * @throws FleetsecError `refused` by a rule, and what unlocking the CA and writing throw
 */
export async function issue(
  platform: PkiPlatform,
  authority: Authority,
  settings: PkiSettings,
  request: IssueRequest & { readonly directory?: string | undefined },
): Promise<StoredCertificate> {
  const plan = planIssue(request, settings, authority.current, platform.clock.now());
  const { privateKey } = await generateKey(plan.keyType);
  const signed = await signLeaf(platform, authority, settings, plan, spkiOf(privateKey));
  const directory = join(request.directory ?? authority.layout.certificates, plan.name);
  return store(platform, authority, settings, signed, directory, privateKeyPem(privateKey));
}

/**
 * Issues a certificate with a new key that is written nowhere. The inventory has it all the same.
 * @throws FleetsecError as `issue`
 */
export async function issueEphemeral(
  platform: PkiPlatform,
  authority: Authority,
  settings: PkiSettings,
  request: IssueRequest,
): Promise<EphemeralCertificate> {
  const plan = planIssue(request, settings, authority.current, platform.clock.now());
  const { privateKey } = await generateKey(plan.keyType);
  const { record, ...issued } = await signLeaf(platform, authority, settings, plan, spkiOf(privateKey));
  await platform.locks.hold(authority.layout.lock, async () => {
    authority.inventory.refresh();
    authority.inventory.append([record]);
  });
  return { ...issued, key: privateKeyPem(privateKey) };
}

/** A certificate that is signed and not yet in the inventory: it must not leave this module's callers. */
export interface SignedLeaf extends IssuedCertificate {
  readonly record: IssueRecord;
}

/** Signs what was planned, over a public key as DER SubjectPublicKeyInfo. */
export async function signLeaf(
  { clock, random }: PkiPlatform,
  authority: Authority,
  settings: PkiSettings,
  plan: IssuePlan,
  spki: Uint8Array,
): Promise<SignedLeaf> {
  const ca = authority.current;
  const now = clock.now();
  const { name, role, ttl, names, keyType } = plan;
  const spec = leafProfile({
    random,
    now,
    ttl,
    spki,
    keyType,
    organization: settings.organization,
    issuer: ca.issuer,
    commonName: name,
    applicationRoles: role.applicationRoles,
    usages: role.usages,
    names,
    crlUrl: settings.crlUrl,
    ocspUrl: settings.ocspUrl,
  });
  const der = await buildCertificate(spec, await authority.signer());
  refuseConstrained(der, ca);
  const sans = names.map(formatSan);
  const serial = formatSerial(spec.serial);
  const [notBefore, notAfter] = [wholeSecond(spec.notBefore), wholeSecond(spec.notAfter)];
  return {
    name,
    serial,
    role: role.name,
    notBefore,
    notAfter,
    sans,
    cert: encodePem("CERTIFICATE", der),
    chain: encodePem("CERTIFICATE", ca.issuing.der),
    record: {
      op: "issue",
      at: isoTime(now),
      name,
      serial,
      role: role.name,
      notBefore: isoTime(notBefore),
      notAfter: isoTime(notAfter),
      ttl,
      sans,
      keyType,
      authority: ca.number,
    },
  };
}

/** A role may allow more than the issuing CA was made for; no verifier would accept the certificate. */
function refuseConstrained(der: Uint8Array, { issuing }: CaGeneration): void {
  if (issuing.nameConstraints === undefined) return;
  const leaf = parseCertificate(der, "certificate");
  const violation = constraintViolation(leaf, [issuing.nameConstraints], { left: MAX_COMPARISONS });
  if (violation === undefined) return;
  const detail = "message" in violation ? violation.message : "has too many names";
  throw new FleetsecError("refused", `the issuing CA is name-constrained: the certificate ${detail}`, {
    hint: "ask for a name in the trust domain, or rotate the CA after changing pki.roles",
  });
}

/** Far more names than anybody asks for, with far more constraints than `ca init` writes. */
const MAX_COMPARISONS = 100_000;

/** Certificates have no fractions of a second. */
function wholeSecond(milliseconds: number): number {
  return Math.floor(milliseconds / 1000) * 1000;
}

/**
 * Puts a certificate into use. The order makes every kill harmless: the generation is on disk before
 * the inventory names it, and the inventory names it before `current` leads to it.
 * @param directory of NAME
 */
export async function store(
  platform: PkiPlatform,
  authority: Authority,
  settings: PkiSettings,
  { record, ...issued }: SignedLeaf,
  directory: string,
  key: string | undefined,
): Promise<StoredCertificate> {
  const { files, clock, locks } = platform;
  const { inventory, layout } = authority;
  return locks.hold(layout.lock, async () => {
    inventory.refresh();
    const before = newestValid(authority, issued.name, clock.now());
    if (before !== undefined && before.role !== record.role) throw otherRole(before);
    const replaces = before?.serial;
    const generation = nextGeneration(files, directory);
    const content: GenerationContent = { cert: issued.cert, chain: issued.chain, key };
    writeGeneration(files, directory, generation, content);
    try {
      inventory.append([{ ...record, files: { directory: recordedPath(authority, directory), generation } }]);
    } catch (error) {
      files.remove(generationPath(directory, generation));
      throw error;
    }
    activate(files, directory, generation);
    prune(files, directory, clock);
    await keepCrlFresh(platform, authority, settings);
    return { ...issued, replaces, files: currentFiles(directory) };
  });
}

/** A service that reads `current` must not wake up with a certificate for something else. */
function otherRole({ name, role }: IssueRecord): FleetsecError {
  return new FleetsecError("refused", `${name} holds a valid certificate of the role ${role}`, {
    hint: "choose another name, or revoke that certificate first",
  });
}

/** The newest certificate of a name that has files and has neither ended nor been revoked. */
function newestValid({ inventory }: Authority, name: string, now: number): IssueRecord | undefined {
  return inventory
    .byName(name)
    .findLast(
      ({ issued, revoked }) =>
        issued.files !== undefined && revoked === undefined && Date.parse(issued.notAfter) >= now,
    )?.issued;
}

/** Relative where the directory lies in the project, so that the project can be moved. */
function recordedPath({ stateDirectory }: Authority, directory: string): string {
  const fromProject = relative(join(stateDirectory, ".."), directory);
  const outside = fromProject === ".." || fromProject.startsWith("../") || isAbsolute(fromProject);
  return outside ? resolve(directory) : relative(stateDirectory, directory);
}

/** The directory of an issued certificate's files. @throws FleetsecError `not-found` where it has none */
export function directoryOf({ stateDirectory }: Authority, record: IssueRecord): string {
  if (record.files !== undefined) return resolve(stateDirectory, record.files.directory);
  throw new FleetsecError("not-found", `the certificate ${record.serial} of ${record.name} has no files`, {
    hint: "it was issued for one use; run fleetsec cert issue",
  });
}
