import { formatDuration } from "../../duration.ts";
import { FleetsecError } from "../../errors.ts";
import { formatIp } from "../general-name.ts";
import { shortAttributeName } from "../name.ts";
import { oids } from "../oids.ts";
import type { IssuePlan } from "../plan.ts";
import { leafKeyUsage } from "../profiles.ts";
import { formatSan } from "../roles.ts";
import type { Certificate } from "../verify/certificate.ts";
import type { GeneralName as ReadName } from "../verify/general-name.ts";
import { displayName, textsOf } from "../verify/name.ts";
import { readCertificates } from "../verify/pem.ts";
import { isoTime } from "../verify/time.ts";
import { verifyCertificate } from "../verify/verify.ts";
import { isKeyOfAny } from "./ca-key.ts";
import type { ServiceKind } from "./issuer.ts";

/** What a service was asked for. */
export interface Asked {
  readonly service: ServiceKind;
  readonly plan: IssuePlan;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  readonly anchors: readonly Certificate[];
  /** When it was asked and when the answer came, in milliseconds since the epoch. */
  readonly asked: number;
  readonly answered: number;
}

export interface Judged {
  readonly leaf: Certificate;
  /** Those between it and the trust anchor, which is left out. */
  readonly chain: readonly Certificate[];
}

/** Leaf, intermediates and root, with room to spare. */
const MAX_CHAIN = 10;
/** By how much the clocks of two machines may differ, in milliseconds. */
const MAX_SKEW = 60_000;
/** By how much a service may backdate, in milliseconds: Vault does so by 30 s unless told, step-ca by a minute. */
const MAX_BACKDATE = 300_000;

/**
 * Takes a service's answer only where it is what was asked for: no CA, the key, the names, the roles,
 * the usages and the lifetime, by a valid path to the project's own trust anchor.
 * @param pem the certificate, then others
 * @throws FleetsecError `issuer` for what is no certificate, `refused` for another than was asked for
 */
export function judgeAnswer(pem: string, asked: Asked): Judged {
  const [leaf, ...others] = read(pem, asked);
  for (const fault of [keyFault, ...PLANNED, lifetimeFault]) {
    const found = fault(leaf, asked);
    if (found !== undefined) throw refusedFor(found, leaf, asked);
  }
  const path = pathOf(leaf, others, asked);
  const outlived = issuerFault(leaf, path);
  if (outlived !== undefined) throw refusedFor(outlived, leaf, asked);
  const chain = path.slice(0, -1);
  if (isKeyOfAny(leaf.spki, chain)) throw refusedFor(CA_KEY, leaf, asked);
  return { leaf, chain };
}

function refusedFor([message, hint]: Fault, { serial }: Certificate, { service }: Asked): FleetsecError {
  return new FleetsecError("refused", `${service} gave a certificate ${message}`, {
    hint: `${hint}; the certificate ${serial} is not used and nothing was written`,
  });
}

const CA_KEY: Fault = ["for the key of the CA above it", "ask with a key of its own, and see to the CA's"];

function read(pem: string, { service }: Asked): readonly [Certificate, ...Certificate[]] {
  try {
    const [leaf, ...others] = readCertificates(Buffer.from(pem), `the answer of ${service}`);
    if (leaf !== undefined && others.length < MAX_CHAIN) return [leaf, ...others];
  } catch (cause) {
    if (!(cause instanceof FleetsecError)) throw cause;
    throw new FleetsecError("issuer", cause.message, { hint: "see the log of the service", cause });
  }
  throw new FleetsecError("issuer", `the answer of ${service} holds more than ${MAX_CHAIN} certificates`);
}

type Fault = readonly [message: string, hint: string];

function keyFault({ spki }: Certificate, asked: Asked): Fault | undefined {
  if (Buffer.compare(spki, asked.spki) === 0) return undefined;
  return ["for another key", "the service, or something before it, mixes up requests"];
}

/** Whether a certificate has the names, roles and usages of a plan. */
export function isAsPlanned(certificate: Certificate, plan: IssuePlan): boolean {
  const asked = { plan, service: "step-ca" } as const;
  return PLANNED.every((fault) => fault(certificate, asked) === undefined);
}

/** The part of a request that says what is wanted, and of whom. */
type Wanted = Pick<Asked, "plan" | "service">;

/** What a subject may hold: the names and roles, which are judged, and where an organization is. */
const SUBJECT_TYPES: ReadonlySet<string> = new Set([
  oids.commonName,
  oids.organizationalUnitName,
  oids.organizationName,
  oids.countryName,
  oids.stateOrProvinceName,
  oids.localityName,
  oids.streetAddress,
]);

/**
 * Other attributes are names too, of a mailbox or a user, and others may read what is not read here: the
 * organization is the project's, or left out, and nothing has characters that hide or forge a line of a log.
 */
function subjectFault({ subject }: Certificate, { plan: { organization } }: Wanted): Fault | undefined {
  const hint = "make the service's role or template put nothing else into the subject";
  const odd = subject.rdns
    .flat()
    .find(({ oid, text }) => !SUBJECT_TYPES.has(oid) || text === undefined || /\p{C}/u.test(text));
  if (odd !== undefined)
    return [`whose subject has a ${shortAttributeName(odd.oid)} that was not asked for`, hint];
  const got = textsOf(subject, oids.organizationName);
  if (got.length === 0 || (got.length === 1 && got[0] === organization)) return undefined;
  return [`of the organization ${got.join(", ")}, not ${organization}`, hint];
}

function nameFault({ subject, subjectAltName = [] }: Certificate, { plan }: Wanted): Fault | undefined {
  const hint = "make the service's role or template take the names of the request";
  const wanted = plan.names.map(formatSan).sort();
  const got = subjectAltName.map(plainName).sort();
  if (JSON.stringify(got) !== JSON.stringify(wanted)) {
    return [`with other names (${got.join(" ") || "none"}) than were asked for (${wanted.join(" ")})`, hint];
  }
  const common = textsOf(subject, oids.commonName);
  if (common.length === 1 && common[0] === plan.name) return undefined;
  return [`with the common name ${common.join(", ") || "(none)"}, not ${plan.name}`, hint];
}

function plainName(name: ReadName): string {
  if (name.type === "ip") return `ip:${formatIp(name.value)}`;
  return name.type === "dns" || name.type === "uri" ? `${name.type}:${name.value}` : `${name.type}:…`;
}

/** Gateways authorise by these: one too many is a right that nobody granted. */
function roleFault({ subject }: Certificate, { plan, service }: Wanted): Fault | undefined {
  const wanted = [...plan.role.applicationRoles].sort();
  const got = textsOf(subject, oids.organizationalUnitName).sort();
  if (JSON.stringify(got) === JSON.stringify(wanted)) return undefined;
  return [
    `with the application roles ${got.join(", ") || "(none)"}, not ${wanted.join(", ") || "(none)"}`,
    `fleetsec scaffold ${service} writes a role that is right`,
  ];
}

const PURPOSES = { client: oids.clientAuth, server: oids.serverAuth } as const;

function usageFault({ extendedKeyUsage = [] }: Certificate, { plan, service }: Wanted): Fault | undefined {
  const wanted = plan.role.usages.map((usage) => PURPOSES[usage]).sort();
  const got = [...extendedKeyUsage].sort();
  if (JSON.stringify(got) === JSON.stringify(wanted)) return undefined;
  return [
    `with other extended key usages (${got.join(" ") || "none"}) than ${plan.role.usages.join(", ")}`,
    `fleetsec scaffold ${service} writes a role that is right`,
  ];
}

/** A key for more than was asked is a right that nobody granted. Extensions that are left out limit nothing. */
function keyUsageFault(
  { basicConstraints, keyUsage = [] }: Certificate,
  { plan, service }: Wanted,
): Fault | undefined {
  const hint = `fleetsec scaffold ${service} writes a role that is right`;
  if (basicConstraints?.ca !== false) {
    return [basicConstraints === undefined ? "that does not say that it is no CA" : "that is a CA", hint];
  }
  const allowed = leafKeyUsage(plan.keyType, plan.role.usages);
  if (keyUsage.includes("digitalSignature") && keyUsage.every((usage) => allowed.includes(usage))) {
    return undefined;
  }
  return [`with other key usages (${keyUsage.join(" ") || "none"}) than ${allowed.join(" ")}`, hint];
}

/** What a plan says of a certificate. */
const PLANNED = [subjectFault, nameFault, roleFault, usageFault, keyUsageFault] as const;

/**
 * A service may backdate the beginning a little: what is renewed when most of its life is over would be due
 * at once. It must neither cut the end in silence nor go beyond it.
 */
function lifetimeFault(
  { notBefore, notAfter }: Certificate,
  { plan, asked, answered }: Asked,
): Fault | undefined {
  const lifetime = plan.ttl * 1000;
  const text = formatDuration(plan.ttl);
  if (notAfter - notBefore < lifetime || notAfter < asked + lifetime - MAX_SKEW) {
    return [
      `that ends at ${isoTime(notAfter)}, cut short: a lifetime of ${text} was asked for`,
      `ask for less, or raise what the service allows ${plan.role.name}, and see when its CA ends`,
    ];
  }
  if (notBefore < asked - MAX_BACKDATE - MAX_SKEW) {
    return [
      `that began at ${isoTime(notBefore)}, ${formatDuration(Math.floor((asked - notBefore) / 1000))} before it was asked for`,
      `make the service backdate by less than ${formatDuration(MAX_BACKDATE / 1000)}, and check both clocks`,
    ];
  }
  if (notAfter <= answered + lifetime + MAX_SKEW) return undefined;
  return [
    `that ends at ${isoTime(notAfter)}, later than the ${text} that were asked for`,
    "make the service's role take the lifetime of the request, and check both clocks",
  ];
}

/** Where a CA above it ends, it ends, whatever it says itself: nothing would renew it in time. */
function issuerFault({ notAfter }: Certificate, path: readonly Certificate[]): Fault | undefined {
  const first = path.find((ca) => ca.notAfter < notAfter);
  if (first === undefined) return undefined;
  return [
    `that ends at ${isoTime(notAfter)}, after ${displayName(first.subject)} above it, which ends at ${isoTime(first.notAfter)}`,
    "have the service's CA renewed, or ask for less",
  ];
}

/**
 * The CAs of a valid path, the trust anchor last.
 * @throws FleetsecError `refused` where there is no valid path for each usage
 */
function pathOf(leaf: Certificate, intermediates: readonly Certificate[], asked: Asked): Certificate[] {
  const { anchors, answered, service } = asked;
  let path: readonly Certificate[] = [];
  for (const purpose of asked.plan.role.usages) {
    const verdict = verifyCertificate({ certificate: leaf, intermediates, anchors, at: answered, purpose });
    if (!verdict.ok) {
      const [reason] = verdict.reasons;
      const culprit = verdict.path[reason?.certificate ?? 0] ?? leaf;
      throw new FleetsecError(
        "refused",
        `${service} gave a certificate that is not valid: ${displayName(culprit.subject)} ${reason?.message}`,
        {
          hint: `check pki.trust_anchor and both clocks; the certificate ${leaf.serial} is not used and nothing was written`,
        },
      );
    }
    path = verdict.path.map(({ certificate }) => certificate);
  }
  return path.slice(1);
}
