import { isAbsolute, join, relative, resolve } from "node:path";
import { FleetsecError } from "../errors.ts";
import type { Files } from "../platform/files.ts";
import type { PkiSettings } from "./authority.ts";
import { buildCsr } from "./build-csr.ts";
import {
  activate,
  type CertificateFiles,
  currentFiles,
  type GenerationContent,
  generationPath,
  nextGeneration,
  prune,
  isThere,
  writeGeneration,
} from "./generations.ts";
import { refuseTaken } from "./holders.ts";
import type { IssueRecord } from "./inventory-line.ts";
import { certify, type Subject } from "./issuers/certify.ts";
import { currentCa, type Issuer, type Registry } from "./issuers/issuer.ts";
import { privateKeyPem } from "./key-file.ts";
import { generateKey, type KeyType, keySigner } from "./keys.ts";
import type { IssuedCertificate, SignedLeaf } from "./leaf.ts";
import { type IssuePlan, type IssueRequest, planIssue } from "./plan.ts";
import { keepFresh } from "./publish.ts";
import { formatSan } from "./roles.ts";
import type { PkiPlatform } from "./state.ts";
import type { StoredKey } from "./token-key.ts";

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
 * @throws FleetsecError `refused` by a rule, and what the issuer and writing throw
 */
export async function issue(
  platform: PkiPlatform,
  issuer: Issuer,
  settings: PkiSettings,
  request: IssueRequest & {
    readonly directory?: string | undefined;
    /** A key that is there already, in a token; a new one in a file unless told. */
    readonly key?: StoredKey | undefined;
  },
): Promise<StoredCertificate> {
  const plan = planIssue(request, settings, currentCa(issuer), platform.clock.now());
  const key = request.key ?? (await newKey(plan.keyType));
  const directory = join(request.directory ?? issuer.layout.certificates, plan.name);
  // before a service has made a certificate that could not be put there
  isThere(platform.files, directory);
  refuseTakenPlan(issuer, plan, platform.clock.now());
  const signed = await certify(platform, issuer, settings, plan, subjectOf(plan, key));
  return store(platform, issuer, settings, signed, directory, key.pem);
}

/**
 * Issues a certificate with a new key that is written nowhere. The inventory has it all the same.
 * @throws FleetsecError as `issue`
 */
export async function issueEphemeral(
  platform: PkiPlatform,
  issuer: Issuer,
  settings: PkiSettings,
  request: IssueRequest,
): Promise<EphemeralCertificate> {
  const plan = planIssue(request, settings, currentCa(issuer), platform.clock.now());
  const key = await newKey(plan.keyType);
  const { record, ...issued } = await certify(platform, issuer, settings, plan, subjectOf(plan, key));
  await platform.locks.hold(issuer.layout.lock, async () => {
    issuer.inventory.refresh();
    refuseRetired(platform.files, issuer, record);
    issuer.inventory.append([record]);
  });
  return { ...issued, key: key.pem };
}

export async function newKey(keyType: KeyType): Promise<StoredKey> {
  const { privateKey } = await generateKey(keyType);
  return { signer: keySigner(privateKey), pem: privateKeyPem(privateKey), inFile: true };
}

/** A key that is at hand, to be certified as planned. */
export function subjectOf({ name, names }: IssuePlan, { signer }: Pick<StoredKey, "signer">): Subject {
  return { spki: signer.spki, csr: () => buildCsr({ commonName: name, names }, signer) };
}

/**
 * Puts a certificate into use. The order makes every kill harmless: the generation is on disk before
 * the inventory names it, and the inventory names it before `current` leads to it.
 * @param directory of NAME
 */
export async function store(
  platform: PkiPlatform,
  issuer: Issuer,
  settings: PkiSettings,
  { record, ...issued }: SignedLeaf,
  directory: string,
  key: string | undefined,
): Promise<StoredCertificate> {
  const { files, clock, locks } = platform;
  const { inventory, layout } = issuer;
  return locks.hold(layout.lock, async () => {
    inventory.refresh();
    refuseRetired(files, issuer, record);
    const before = newestValid(issuer, issued.name, clock.now());
    if (before !== undefined && before.role !== record.role) throw otherRole(before);
    // whoever renews has the identity already
    const added = record.sans.filter((san) => before?.sans.includes(san) !== true);
    refuseTaken(issuer, { ...record, sans: added }, clock.now());
    const replaces = before?.serial;
    const generation = nextGeneration(files, directory);
    const content: GenerationContent = { cert: issued.cert, chain: issued.chain, key };
    writeGeneration(files, directory, generation, content);
    try {
      inventory.append([{ ...record, files: { directory: recordedPath(issuer, directory), generation } }]);
    } catch (error) {
      files.remove(generationPath(directory, generation));
      throw error;
    }
    activate(files, directory, generation);
    prune(files, directory, clock);
    await keepFresh(platform, issuer, settings, issued.chain);
    return { ...issued, replaces, files: currentFiles(directory) };
  });
}

/** Before a service is asked for what could not be put into use. */
export function refuseTakenPlan(issuer: Issuer, { name, names }: IssuePlan, now: number): void {
  if (issuer.kind !== "local") refuseTaken(issuer, { name, sans: names.map(formatSan) }, now);
}

/** The CA that signed may have been dropped since it was opened: nobody would trust the certificate. */
function refuseRetired(files: Files, { kind, layout }: Issuer, { authority }: IssueRecord): void {
  if (kind !== "local" || files.kind(join(layout.authorities, String(authority))) === "directory") return;
  throw new FleetsecError("busy", "the CA was rotated meanwhile", { hint: "run the command again" });
}

/** A service that reads `current` must not wake up with a certificate for something else. */
export function otherRole({ name, role }: IssueRecord): FleetsecError {
  return new FleetsecError("refused", `${name} holds a valid certificate of the role ${role}`, {
    hint: "choose another name, or revoke that certificate first",
  });
}

/** The newest certificate of a name that has files and has neither ended nor been revoked. */
export function newestValid({ inventory }: Registry, name: string, now: number): IssueRecord | undefined {
  return inventory.newest(
    name,
    ({ issued, revoked }) =>
      issued.files !== undefined && revoked === undefined && Date.parse(issued.notAfter) >= now,
  )?.issued;
}

/** Relative where the directory lies in the project, so that the project can be moved. */
export function recordedPath({ stateDirectory }: Registry, directory: string): string {
  const fromProject = relative(join(stateDirectory, ".."), directory);
  const outside = fromProject === ".." || fromProject.startsWith("../") || isAbsolute(fromProject);
  return outside ? resolve(directory) : relative(stateDirectory, directory);
}

/** The directory of an issued certificate's files. @throws FleetsecError `not-found` where it has none */
export function directoryOf({ stateDirectory }: Registry, record: IssueRecord): string {
  if (record.files !== undefined) return resolve(stateDirectory, record.files.directory);
  throw new FleetsecError("not-found", `the certificate ${record.serial} of ${record.name} has no files`, {
    hint: "it was issued for one use; run fleetsec cert issue",
  });
}
