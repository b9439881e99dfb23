import { hash } from "node:crypto";
import { type Authority, type CaGeneration, identityOf, type PkiSettings } from "../authority.ts";
import { buildCertificate, formatSerial } from "../certificate.ts";
import type { IssueRecord } from "../inventory-line.ts";
import { generateKey, keySigner, type Signer } from "../keys.ts";
import { ocspSignerProfile } from "../profiles.ts";
import type { PkiPlatform } from "../state.ts";
import type { Certificate } from "../verify/certificate.ts";
import { isoTime } from "../verify/time.ts";
import type { OcspSigner } from "./response.ts";

/** Seconds that a responder's certificate lives: nobody checks whether it was revoked, so few. */
const LIFETIME = 86_400;
/** Milliseconds before a renewal that failed is tried again. */
const RETRY = 10_000;

/** A key with its certificate. Times are milliseconds since the epoch. */
interface DelegatedSigner extends OcspSigner {
  readonly madeAt: number;
  readonly notAfter: number;
}

/** What signs responses now. @throws FleetsecError where there is none that is still valid */
export type SignerSource = () => Promise<DelegatedSigner>;

/**
 * Below an issuing CA. The inventory has the certificate, as it has everything that the CA issues;
 * the key is written nowhere.
 */
export function issuingDelegate(
  platform: PkiPlatform,
  authority: Authority,
  settings: PkiSettings,
  ca: CaGeneration,
): SignerSource {
  return renewing(platform, async () => {
    const { record, ...made } = await makeDelegate(
      platform,
      settings,
      ca,
      ca.issuing,
      await authority.signer(ca),
    );
    await platform.locks.hold(authority.layout.lock, async () => {
      authority.inventory.refresh();
      authority.inventory.append([record]);
    });
    return made;
  });
}

/** Below a root, whose key is unlocked for each renewal and not kept in between. */
export function rootDelegate(
  platform: PkiPlatform,
  authority: Authority,
  settings: PkiSettings,
  ca: CaGeneration,
): SignerSource {
  return renewing(platform, async () => {
    const { record: _, ...made } = await makeDelegate(
      platform,
      settings,
      ca,
      ca.root,
      await authority.rootSigner(ca),
    );
    return made;
  });
}

/** Keeps a signer until half of its life is over; where another cannot be had, until its end. */
function renewing({ clock }: PkiPlatform, make: SignerSource): SignerSource {
  let kept: DelegatedSigner | undefined;
  let pending: Promise<DelegatedSigner> | undefined;
  let retryAt = 0;
  const renew = async () => {
    try {
      kept = await make();
      return kept;
    } catch (error) {
      retryAt = clock.monotonic() + RETRY;
      throw error;
    } finally {
      pending = undefined;
    }
  };
  return async () => {
    const now = clock.now();
    // a clock that was set back makes it renew, too
    const fresh = kept !== undefined && now >= kept.madeAt && now < kept.madeAt + LIFETIME * 500;
    if (kept !== undefined && (fresh || (now < kept.notAfter && clock.monotonic() < retryAt))) return kept;
    pending ??= renew();
    try {
      return await pending;
    } catch (error) {
      if (kept !== undefined && now < kept.notAfter) return kept;
      throw error;
    }
  };
}

/** A new key with a certificate of the CA, which ends with the CA's own at the latest. */
async function makeDelegate(
  { clock, random }: PkiPlatform,
  settings: PkiSettings,
  { number }: CaGeneration,
  issuer: Certificate,
  issuerKey: Signer,
): Promise<DelegatedSigner & { readonly record: IssueRecord }> {
  // OCSP clients know Ed25519 less often than CAs do: Go's x/crypto/ocsp v0.57 does not
  const keyType = settings.keyType === "ed25519" ? "p256" : settings.keyType;
  const signer = keySigner((await generateKey(keyType)).privateKey);
  const now = clock.now();
  const ttl = Math.min(LIFETIME, Math.floor((issuer.notAfter - now) / 1000));
  const spec = ocspSignerProfile({
    random,
    now,
    ttl,
    spki: signer.spki,
    organization: settings.organization,
    issuer: identityOf(issuer),
  });
  const certificate = await buildCertificate(spec, issuerKey);
  return {
    signer,
    certificate,
    madeAt: now,
    notAfter: spec.notAfter,
    record: {
      op: "issue",
      at: isoTime(now),
      name: OCSP_RESPONDER,
      serial: formatSerial(spec.serial),
      sha256: hash("sha256", certificate),
      role: OCSP_RESPONDER,
      notBefore: isoTime(spec.notBefore),
      notAfter: isoTime(spec.notAfter),
      ttl,
      sans: [],
      keyType,
      authority: number,
    },
  };
}

/** Name and role of a responder's certificates in the inventory. */
export const OCSP_RESPONDER = "ocsp-responder";
