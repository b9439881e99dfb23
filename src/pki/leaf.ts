import { hash } from "node:crypto";
import type { Authority, PkiSettings } from "./authority.ts";
import { buildCertificate, formatSerial } from "./certificate.ts";
import type { IssueRecord } from "./inventory-line.ts";
import { encodePem } from "./pem.ts";
import type { IssuePlan } from "./plan.ts";
import { leafTemplate } from "./profiles.ts";
import { formatSan, type Role } from "./roles.ts";
import type { PkiPlatform } from "./state.ts";
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

/** A certificate that is signed and not yet in the inventory: it must not leave this module's callers. */
export interface SignedLeaf extends IssuedCertificate {
  readonly record: IssueRecord;
}

/** Signs what was planned, over a public key as DER SubjectPublicKeyInfo. */
export type LeafSigner = (plan: IssuePlan, spki: Uint8Array) => Promise<SignedLeaf>;

/** A signer for many: what certificates of one role share is encoded once. */
export function leafSigner(
  { clock, random }: Pick<PkiPlatform, "clock" | "random">,
  authority: Pick<Authority, "current" | "signer">,
  settings: PkiSettings,
): LeafSigner {
  const ca = authority.current;
  const chain = encodePem("CERTIFICATE", ca.issuing.der);
  const templates = new WeakMap<Role, ReturnType<typeof leafTemplate>>();
  const templateOf = (role: Role) => {
    const known = templates.get(role) ?? leafTemplate({ ...role, ...settings, issuer: ca.issuer });
    templates.set(role, known);
    return known;
  };
  return async (plan, spki) => {
    const now = clock.now();
    const { name, role, ttl, names, keyType, attributes } = plan;
    const spec = templateOf(role)({ random, now, ttl, spki, keyType, commonName: name, names });
    const der = await buildCertificate(spec, await authority.signer());
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
      chain,
      record: {
        op: "issue",
        at: isoTime(now),
        name,
        serial,
        sha256: hash("sha256", der),
        role: role.name,
        notBefore: isoTime(notBefore),
        notAfter: isoTime(notAfter),
        ttl,
        sans,
        keyType,
        authority: ca.number,
        ...(attributes === undefined ? {} : { attributes }),
      },
    };
  };
}

/** Certificates have no fractions of a second. */
function wholeSecond(milliseconds: number): number {
  return Math.floor(milliseconds / 1000) * 1000;
}
