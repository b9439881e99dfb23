import { oids } from "../oids.ts";
import type { Certificate } from "./certificate.ts";
import type { Crl } from "./crl.ts";
import type { CertificateDescription } from "./describe.ts";
import type { PeerName } from "./peer-name.ts";
import type { Reason } from "./reason.ts";
import type { Purpose } from "./request.ts";
import { isInvalid, verifyCertificate } from "./verify.ts";

/** What a gateway goes by. */
export interface GatewayTrust {
  readonly anchors: readonly Certificate[];
  readonly intermediates: readonly Certificate[];
  /** Undefined: revocation is not looked at. */
  readonly crls: readonly Crl[] | undefined;
}

/** The part of a project's policy that a certificate alone can meet or fail. */
export interface PolicyTerms {
  readonly trustDomain: string;
  /** SPIFFE IDs below it speak for the vehicle whose name follows. */
  readonly vehiclePrefix: string;
  /** The roles that are granted anything. */
  readonly roles: readonly string[];
}

export interface Acceptance {
  /** `unknown` where it could not be established. */
  readonly outcome: "accepted" | "refused" | "unknown";
  /** Empty where it is accepted. */
  readonly reasons: readonly Reason[];
}

/** Why the policy would deny every request, by its own names (docs/scaffold.md). */
export type PolicyDenial = "not_a_client_certificate" | "unknown_trust_domain" | "no_role";

/** Whom the policy would take a client for. Texts are not escaped. */
export interface PolicyIdentity {
  readonly roles: readonly string[];
  readonly spiffeId?: string;
  readonly vehicle?: string;
  readonly denials: readonly PolicyDenial[];
}

export interface GatewayView {
  readonly client: Acceptance;
  readonly server: Acceptance;
  /** Undefined where no project says what the policy is. */
  readonly policy: PolicyIdentity | undefined;
}

export interface ViewRequest {
  readonly certificate: Certificate;
  readonly description: CertificateDescription;
  readonly trust: GatewayTrust;
  readonly terms: PolicyTerms | undefined;
  /** Of the server that showed the certificate. */
  readonly peer: PeerName | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

/**
 * What a gateway would make of a certificate: whether TLS would let its holder in as a client, or a
 * client take it for a server, and whom the policy of `scaffold opa` would then see.
 */
export function gatewayView({ certificate, description, trust, terms, peer, at }: ViewRequest): GatewayView {
  const judge = (purpose: Purpose, name: PeerName | undefined): Acceptance => {
    const verdict = verifyCertificate({ certificate, ...trust, at, purpose, peer: name });
    if (verdict.ok) return { outcome: "accepted", reasons: [] };
    return { outcome: isInvalid(verdict) ? "refused" : "unknown", reasons: verdict.reasons };
  };
  return {
    client: judge("client", undefined),
    server: judge("server", peer),
    policy: terms && policyIdentity(certificate, description, terms),
  };
}

/** As templates/opa/policy/identity.rego reads a certificate; test/peers/gateway-view.test.ts compares the two. */
function policyIdentity(
  { extendedKeyUsage = [], subjectAltName = [] }: Certificate,
  { roles, spiffeId }: CertificateDescription,
  { trustDomain, vehiclePrefix, roles: granted }: PolicyTerms,
): PolicyIdentity {
  const below = spiffeId?.startsWith(vehiclePrefix) === true ? spiffeId.slice(vehiclePrefix.length) : "";
  const vehicle = below === "" || below.includes("/") ? undefined : below;
  const hasUri = subjectAltName.some(({ type }) => type === "uri");
  const inDomain = hasUri
    ? spiffeId?.startsWith(`spiffe://${trustDomain}/`) === true
    : subjectAltName.some(
        (name) => name.type === "dns" && name.value.toLowerCase().endsWith(`.${trustDomain}`),
      );
  const denials: PolicyDenial[] = [];
  if (!extendedKeyUsage.includes(oids.clientAuth)) denials.push("not_a_client_certificate");
  if (!inDomain) denials.push("unknown_trust_domain");
  if (!roles.some((role) => granted.includes(role))) denials.push("no_role");
  return {
    roles,
    ...(spiffeId === undefined ? {} : { spiffeId }),
    ...(vehicle === undefined ? {} : { vehicle }),
    denials,
  };
}
