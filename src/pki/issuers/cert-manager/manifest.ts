import { formatDuration } from "../../../duration.ts";
import { FleetsecError } from "../../../errors.ts";
import type { GeneralName } from "../../general-name.ts";
import type { KeyType } from "../../keys.ts";
import type { IssuePlan } from "../../plan.ts";
import { formatSan } from "../../roles.ts";
import type { SigningPlan } from "../../sign-csr.ts";

/** The Issuer or ClusterIssuer of a cluster, and where certificates are to be. */
export interface ClusterIssuerReference {
  readonly name: string;
  readonly kind: "Issuer" | "ClusterIssuer";
  readonly namespace: string;
}

const API = "cert-manager.io/v1";

/** How cert-manager names key types: algorithm and size. */
const PRIVATE_KEYS: Readonly<Record<KeyType, object>> = {
  p256: { algorithm: "ECDSA", size: 256 },
  p384: { algorithm: "ECDSA", size: 384 },
  ed25519: { algorithm: "Ed25519" },
  rsa3072: { algorithm: "RSA", size: 3072 },
};

/**
 * A planned certificate as cert-manager's Certificate: the key is made in the cluster, kept in a
 * Secret of the same name, and changed with each renewal.
 * @throws FleetsecError `refused` for a lifetime that cert-manager refuses
 */
export function certificateManifest(
  plan: IssuePlan,
  organization: string,
  issuer: ClusterIssuerReference,
): object {
  const { name, role, ttl, keyType } = plan;
  const roles = role.applicationRoles;
  if (ttl < MIN_DURATION) {
    throw new FleetsecError(
      "refused",
      `cert-manager issues for ${formatDuration(MIN_DURATION)} at least, ${formatDuration(ttl)} is asked for`,
      { hint: `ask for more with --ttl, or raise pki.roles.${role.name}.ttl` },
    );
  }
  return {
    apiVersion: API,
    kind: "Certificate",
    metadata: metadataOf(name, issuer),
    spec: {
      secretName: `${name}-tls`,
      revisionHistoryLimit: 2,
      duration: seconds(ttl),
      // two thirds of the lifetime, as everywhere
      renewBefore: seconds(Math.floor(ttl / 3)),
      commonName: name,
      subject: {
        organizations: [organization],
        ...(roles.length === 0 ? {} : { organizationalUnits: roles }),
      },
      ...namesOf(plan.names),
      usages: usagesOf(plan),
      privateKey: { ...PRIVATE_KEYS[keyType], encoding: "PKCS8", rotationPolicy: "Always" },
      issuerRef: referenceTo(issuer),
    },
  };
}

/**
 * A planned certificate for a key that is kept elsewhere, as cert-manager's CertificateRequest.
 * cert-manager takes names and subject from the CSR as they are, so they must be as planned.
 * @param pem the CSR
 * @throws FleetsecError `refused` for a CSR with anything more or less
 */
export function requestManifest(
  { plan, csr, dropped }: SigningPlan,
  pem: string,
  issuer: ClusterIssuerReference,
): object {
  const wanted = plan.role.applicationRoles.map((role) => `subject OU=${role}`);
  const surplus = dropped.filter((item) => !wanted.includes(item) && !item.startsWith("subject O="));
  const missing = [
    ...wanted.filter((item) => !dropped.includes(item)),
    ...plan.names.map(formatSan).filter((name) => !csr.names.map(formatSan).includes(name)),
    ...(csr.commonName === plan.name ? [] : [`subject CN=${plan.name}`]),
  ];
  if (surplus.length + missing.length > 0) {
    const faults = [...surplus.map((item) => `asks for ${item}`), ...missing.map((item) => `lacks ${item}`)];
    throw new FleetsecError("refused", `the CSR ${faults.join(", ")}`, {
      hint: "cert-manager takes a CSR as it is: make it with exactly what the role gives",
    });
  }
  return {
    apiVersion: API,
    kind: "CertificateRequest",
    metadata: metadataOf(plan.name, issuer),
    spec: {
      request: Buffer.from(pem).toString("base64"),
      duration: seconds(plan.ttl),
      usages: usagesOf(plan),
      isCA: false,
      issuerRef: referenceTo(issuer),
    },
  };
}

/** Its webhook takes no less, in seconds (MinimumCertificateDuration; renewBefore is at least 300 then, as it must). */
const MIN_DURATION = 3600;

function metadataOf(name: string, { namespace }: ClusterIssuerReference): object {
  return { name, namespace };
}

function referenceTo({ name, kind }: ClusterIssuerReference): object {
  return { group: "cert-manager.io", kind, name };
}

function usagesOf({ role }: IssuePlan): string[] {
  return ["digital signature", ...role.usages.map((usage) => `${usage} auth`)];
}

/** In Go's form of a duration. */
function seconds(count: number): string {
  return `${count}s`;
}

function namesOf(names: readonly GeneralName[]): object {
  const of = (type: GeneralName["type"]) =>
    names.flatMap((name) => (name.type === type ? [String(name.value)] : []));
  const lists = { dnsNames: of("dns"), ipAddresses: of("ip"), uris: of("uri") };
  return Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0));
}
