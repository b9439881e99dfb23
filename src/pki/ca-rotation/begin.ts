import { join } from "node:path";
import { FleetsecError } from "../../errors.ts";
import type { DirectoryEntry } from "../../platform/files.ts";
import {
  type Authority,
  caChanged,
  type CaGeneration,
  caFiles,
  identityOf,
  type PassphraseSource,
  type PkiSettings,
} from "../authority.ts";
import { buildCertificate } from "../certificate.ts";
import { buildCrl } from "../crl.ts";
import { type CaRequest, FIRST_CRL, makeCa } from "../init-authority.ts";
import { newKey } from "../issue.ts";
import { encryptedKeyPem, isEncryptedKey, readPrivateKey } from "../key-file.ts";
import { encodePem } from "../pem.ts";
import { BACKDATE, issuingProfile, type PermittedNames } from "../profiles.ts";
import { publish } from "../published.ts";
import { requirePublishable } from "../soundness.ts";
import { MAX_PEM_BYTES, type PkiPlatform, readSecret } from "../state.ts";
import { besideTokenKey, newTokenKey } from "../token-key.ts";
import { parseCertificate } from "../verify/certificate.ts";
import { fingerprintOf } from "../verify/describe.ts";
import { isoTime } from "../verify/time.ts";
import { type RotationRecord, writeRecord } from "./record.ts";
import { nextRootCrl } from "./root-crl.ts";
import { settle } from "./settle.ts";
import { isUnpublished, rotationStatus } from "./status.ts";

/**
 * Phase 1 of a root rotation: a new root and issuing CA, both roots trusted, the old CA issuing.
 * Where both roots are not published, for a process that was killed or files that were put back, that is
 * done and nothing is made.
 * @param reopen opens the authority as it now lies on disk
 * @returns whether a new CA was made
 * @throws FleetsecError `refused` where a rotation is under way
 */
export async function beginRotation(
  platform: PkiPlatform,
  reopen: () => Authority,
  request: CaRequest,
): Promise<boolean> {
  const { files } = platform;
  requirePublishable(files, reopen());
  const before = rotationStatus(files, reopen());
  const isResumed = isUnpublished(before);
  if (!isResumed) requireIdle(reopen(), platform);
  const made = isResumed ? undefined : await makeCa(platform, request);
  const { layout } = reopen();
  await platform.locks.hold(layout.lock, async () => {
    const authority = reopen();
    settle(files, layout);
    if (made !== undefined) {
      requireIdle(authority, platform);
      // first what it is: what a killed process left is told from another CA in its place
      addGeneration(platform, authority, made.entries, (to) =>
        writeRecord(files, layout, recordOf(to, made)),
      );
    }
    publish(files, layout.authorities);
    const { next } = rotationStatus(files, reopen());
    const published = isoTime(platform.clock.now());
    writeRecord(files, layout, { ...recordOf(next.number, next), published });
  });
  return made !== undefined;
}

function recordOf(to: number, { root, issuing }: Pick<CaGeneration, "root" | "issuing">): RotationRecord {
  return { to, root: fingerprintOf(root), issuing: fingerprintOf(issuing) };
}

function requireIdle(authority: Authority, { files }: Pick<PkiPlatform, "files">): void {
  const { phase } = rotationStatus(files, authority);
  if (phase === "idle") return;
  throw new FleetsecError("refused", "a rotation of the CA is under way", {
    hint: "fleetsec ca rotate status says how far it is, and what comes next",
  });
}

/**
 * Writes a generation, whole or not at all. To be called under the state's lock.
 * @param announce called before, with its number, which no other generation will have
 */
function addGeneration(
  { files, clock }: PkiPlatform,
  { inventory, layout }: Authority,
  entries: readonly DirectoryEntry[],
  announce?: (number: number) => void,
): void {
  inventory.refresh();
  const number = inventory.lastAuthority() + 1;
  inventory.append([{ op: "crl", at: isoTime(clock.now()), authority: number, number: FIRST_CRL }]);
  announce?.(number);
  files.writeDirectory(join(layout.authorities, String(number)), entries);
}

export interface IntermediateRequest {
  readonly settings: PkiSettings;
  readonly permitted: PermittedNames | undefined;
  /** Of the root's key, which protects the new key too. */
  readonly passphrase: PassphraseSource;
}

/**
 * Makes a new issuing CA below the same root and lets it issue. Nobody has to be told: the root stays,
 * and certificates come with their issuing CA. The issuing CA before stays trusted until it is dropped.
 * @throws FleetsecError `refused` where a rotation is under way, and what unlocking the root throws
 */
export async function rotateIntermediate(
  platform: PkiPlatform,
  reopen: () => Authority,
  request: IntermediateRequest,
): Promise<void> {
  const { files, locks } = platform;
  const opened = reopen();
  const { layout } = opened;
  requirePublishable(files, opened);
  await locks.hold(layout.lock, async () => settle(files, layout));
  const first = reopen();
  requireIdle(first, platform);
  const { current } = first;
  const entries = await makeIntermediate(platform, first, current, request);
  await locks.hold(layout.lock, async () => {
    const authority = reopen();
    requireIdle(authority, platform);
    // the root's new CRL follows the one that was there then
    if (caChanged(files, first))
      throw new FleetsecError("busy", "the CA was rotated meanwhile", { hint: "run the command again" });
    addGeneration(platform, authority, entries);
    // publishes its CRL, and then lets it issue
    settle(files, layout);
  });
}

async function makeIntermediate(
  { clock, random, files, tokens }: PkiPlatform,
  authority: Authority,
  ca: CaGeneration,
  { settings, permitted, passphrase }: IntermediateRequest,
): Promise<DirectoryEntry[]> {
  const { root, number: before, id } = ca;
  const now = clock.now();
  if (now + settings.issuingTtl * 1000 > root.notAfter) {
    throw new FleetsecError(
      "refused",
      `the root ends at ${isoTime(root.notAfter)}, before an issuing CA would`,
      {
        hint: "rotate the root: fleetsec ca rotate begin",
      },
    );
  }
  const rootSigner = await authority.rootSigner(authority.current);
  const directory = join(authority.layout.authorities, String(before));
  const rootKey = readSecret(files, join(directory, caFiles.rootKey));
  const issuingPath = join(directory, caFiles.issuingKey);
  const issuingKey = readSecret(files, issuingPath);
  const place = besideTokenKey(issuingKey, issuingPath);
  const made =
    place === undefined ? await newKey(settings.keyType) : await newTokenKey(tokens, place, settings.keyType);
  const { signer } = made;
  const common = { random, now, organization: settings.organization, ttl: settings.issuingTtl };
  const profile = issuingProfile({ ...common, spki: signer.spki, issuer: identityOf(root), permitted });
  const issuing = parseCertificate(await buildCertificate(profile, rootSigner), "issuing certificate");
  const thisUpdate = now - BACKDATE;
  const rootCrl = {
    ...nextRootCrl(files, authority, ca, [], now),
    thisUpdate,
    issuer: identityOf(root),
    nextUpdate: issuing.notAfter,
  };
  const nextUpdate = now + settings.crlTtl * 1000;
  const issuingCrl = { number: FIRST_CRL, revoked: [], thisUpdate, issuer: identityOf(issuing), nextUpdate };
  const isEncrypted = made.inFile && isEncryptedKey(rootKey);
  const key = isEncrypted
    ? await encryptedKeyPem(readPrivateKey(made.pem, issuingPath), await passphrase(id), { random })
    : made.pem;
  const file = (name: string, data: string, mode = 0o644): DirectoryEntry => ({ name, data, mode });
  return [
    file(caFiles.rootCertificate, files.readText(join(directory, caFiles.rootCertificate), MAX_PEM_BYTES)),
    file(caFiles.rootKey, rootKey, 0o600),
    file(caFiles.rootCrl, encodePem("X509 CRL", await buildCrl(rootCrl, rootSigner))),
    file(caFiles.issuingCertificate, encodePem("CERTIFICATE", issuing.der)),
    file(caFiles.issuingKey, key, 0o600),
    file(caFiles.issuingCrl, encodePem("X509 CRL", await buildCrl(issuingCrl, signer))),
  ];
}
