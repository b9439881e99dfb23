import { basename, dirname, join } from "node:path";
import { FleetsecError } from "../errors.ts";
import type { DirectoryEntry } from "../platform/files.ts";
import { formatPkcs11Uri, parsePkcs11Uri } from "../platform/pkcs11/uri.ts";
import {
  type Authority,
  caFiles,
  identityOf,
  openAuthority,
  type PassphraseSource,
  type PkiSettings,
} from "./authority.ts";
import { buildCertificate } from "./certificate.ts";
import { buildCrl } from "./crl.ts";
import { createInventory, openInventory } from "./inventory.ts";
import { encryptedKeyPem, privateKeyPem } from "./key-file.ts";
import { generateKey, keySigner, type Signer } from "./keys.ts";
import { encodePem } from "./pem.ts";
import { BACKDATE, issuingProfile, type PermittedNames, rootProfile } from "./profiles.ts";
import { publish } from "./published.ts";
import { type PkiPlatform, stateLayout } from "./state.ts";
import { newTokenKey } from "./token-key.ts";
import { type Certificate, parseCertificate } from "./verify/certificate.ts";
import { isoTime } from "./verify/time.ts";

export interface InitRequest extends CaRequest {
  readonly stateDirectory: string;
}

/** What a new root and issuing CA are to be like. */
export interface CaRequest {
  readonly settings: PkiSettings;
  /** Undefined for an issuing CA that is not name-constrained. */
  readonly permitted: PermittedNames | undefined;
  /** Asked once, before anything is written; undefined leaves the keys unencrypted. */
  readonly passphrase: PassphraseSource | undefined;
  /** Where in a token the keys are made; then there is no passphrase. */
  readonly token?: TokenPlaces | undefined;
  /** Of the key derivation; lower only where a test needs many. */
  readonly iterations?: number;
}

/** The PKCS#11 URIs of the keys of a CA. */
export type TokenPlaces = Readonly<Record<"root" | "issuing", string>>;

/** Both keys of a CA are in one token, under the label of the URI and what they are for. @throws FleetsecError `usage` */
export function tokenPlaces(token: string): TokenPlaces {
  const uri = parsePkcs11Uri(token);
  const labelled = (kind: string) =>
    formatPkcs11Uri({ ...uri, object: `${uri.object ?? "fleetsec"}-${kind}` });
  return { root: labelled("root"), issuing: labelled("issuing") };
}

/**
 * Makes a root, an issuing CA, their CRLs and, where there is none, an inventory. The CA is there
 * whole or not at all.
 * @throws FleetsecError `exists` where there is a CA already
 */
export async function initAuthority(platform: PkiPlatform, request: InitRequest): Promise<Authority> {
  const { files, locks } = platform;
  const layout = stateLayout(request.stateDirectory);
  const refuseExisting = () => {
    if (files.kind(layout.authorities) === undefined) return;
    throw new FleetsecError("exists", `there is a CA in ${request.stateDirectory} already`, {
      hint: "fleetsec ca show describes it; to begin anew, move that directory away",
    });
  };
  refuseExisting();
  const made = await makeCa(platform, request);
  return locks.hold(layout.lock, async () => {
    refuseExisting();
    createInventory(files, layout.inventory);
    const inventory = openInventory(files, layout.inventory);
    const number = inventory.lastAuthority() + 1;
    const at = isoTime(platform.clock.now());
    inventory.append([{ op: "crl", at, authority: number, number: FIRST_CRL }]);
    const building = join(dirname(layout.authorities), `.${basename(layout.authorities)}.tmp`);
    // under the lock: what is there was left by a killed process
    files.remove(building);
    files.makeDirectory(building);
    files.writeDirectory(join(building, String(number)), made.entries);
    files.linkAtomic(join(building, "current"), String(number));
    publish(files, building);
    files.rename(building, layout.authorities);
    return openAuthority(files, request.stateDirectory, made.passphrase, platform.tokens);
  });
}

/** Number of the first CRL of a CA. */
export const FIRST_CRL = 1;

export interface MadeCa {
  readonly root: Certificate;
  readonly issuing: Certificate;
  readonly entries: readonly DirectoryEntry[];
  readonly passphrase: PassphraseSource;
}

/** Makes a root and an issuing CA with new keys, and a CRL of each; writes nothing but a passphrase. */
export async function makeCa(
  platform: Pick<PkiPlatform, "clock" | "random" | "tokens">,
  request: CaRequest,
): Promise<MadeCa> {
  const { settings } = request;
  const now = platform.clock.now();
  const [rootKey, issuingKey] = [
    await newCaKey(platform, request, "root"),
    await newCaKey(platform, request, "issuing"),
  ];
  const [rootSigner, issuingSigner] = [rootKey.signer, issuingKey.signer];
  const common = { random: platform.random, now, organization: settings.organization };
  const root = parseCertificate(
    await buildCertificate(
      rootProfile({ ...common, ttl: settings.rootTtl, spki: rootSigner.spki }),
      rootSigner,
    ),
    "root certificate",
  );
  const issuing = parseCertificate(
    await buildCertificate(
      issuingProfile({
        ...common,
        ttl: settings.issuingTtl,
        spki: issuingSigner.spki,
        issuer: identityOf(root),
        permitted: request.permitted,
      }),
      rootSigner,
    ),
    "issuing certificate",
  );
  const crl = { number: FIRST_CRL, thisUpdate: now - BACKDATE, revoked: [] };
  const crls = [
    // the root's key is not at hand again before it signs another issuing CA
    await buildCrl({ ...crl, issuer: identityOf(root), nextUpdate: issuing.notAfter }, rootSigner),
    await buildCrl(
      { ...crl, issuer: identityOf(issuing), nextUpdate: now + settings.crlTtl * 1000 },
      issuingSigner,
    ),
  ] as const;
  const { passphrase, keys } = await protect(request, root, [rootKey, issuingKey]);
  const file = (name: string, data: string, mode = 0o644): DirectoryEntry => ({ name, data, mode });
  return {
    root,
    issuing,
    passphrase,
    entries: [
      file(caFiles.rootCertificate, encodePem("CERTIFICATE", root.der)),
      file(caFiles.rootKey, keys[0], 0o600),
      file(caFiles.rootCrl, encodePem("X509 CRL", crls[0])),
      file(caFiles.issuingCertificate, encodePem("CERTIFICATE", issuing.der)),
      file(caFiles.issuingKey, keys[1], 0o600),
      file(caFiles.issuingCrl, encodePem("X509 CRL", crls[1])),
    ],
  };
}

/** A key of a CA, and how it is kept. */
interface NewCaKey {
  readonly signer: Signer;
  /** PEM of the key, encrypted where there is a passphrase, or of its place in a token. */
  stored(passphrase: string | undefined): Promise<string>;
}

async function newCaKey(
  { random, tokens }: Pick<PkiPlatform, "random" | "tokens">,
  { settings: { keyType }, token, iterations }: CaRequest,
  kind: "root" | "issuing",
): Promise<NewCaKey> {
  if (token !== undefined) {
    const { signer, pem } = await newTokenKey(tokens, token[kind], keyType);
    return { signer, stored: () => Promise.resolve(pem) };
  }
  const { privateKey } = await generateKey(keyType);
  const parts = { random, ...(iterations === undefined ? {} : { iterations }) };
  return {
    signer: keySigner(privateKey),
    stored: async (passphrase) =>
      passphrase === undefined ? privateKeyPem(privateKey) : encryptedKeyPem(privateKey, passphrase, parts),
  };
}

/** Both keys as PEM, and the passphrase that was asked for, so that it need not be asked for again. */
async function protect(
  { passphrase, token }: CaRequest,
  root: Certificate,
  [rootKey, issuingKey]: readonly [NewCaKey, NewCaKey],
): Promise<{ keys: readonly [string, string]; passphrase: PassphraseSource }> {
  const secret = token === undefined ? await passphrase?.(root.subjectKeyId ?? "") : undefined;
  return {
    keys: [await rootKey.stored(secret), await issuingKey.stored(secret)],
    passphrase: () =>
      secret === undefined
        ? Promise.reject(new Error("a key that is not encrypted has no passphrase"))
        : Promise.resolve(secret),
  };
}
