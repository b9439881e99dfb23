import type { Authority, CaGeneration } from "../authority.ts";
import type { Inventory } from "../inventory.ts";
import type { RevocationReason } from "../inventory-line.ts";
import type { IssuePlan } from "../plan.ts";
import type { StateLayout } from "../state.ts";
import type { Certificate } from "../verify/certificate.ts";

/** What was issued and where it lies: the part of the state that every issuer has. */
export interface Registry {
  readonly stateDirectory: string;
  readonly layout: StateLayout;
  readonly inventory: Inventory;
}

/** Who certifies: the project's own CA, whose key is at hand, or a service that is asked. */
export type Issuer = Authority | Service;

export type ServiceKind = "vault" | "step-ca";

/**
 * Environment variables that are read for what an issuer is logged in to with, beside those of
 * fleetsec's own, which no program gets: hooks run without them.
 */
export const credentialVariables: Readonly<Record<Issuer["kind"], readonly string[]>> = {
  local: [],
  vault: ["VAULT_TOKEN", "BAO_TOKEN"],
  "step-ca": [],
};

/**
 * An issuing service. Nothing that it answers is believed: `askService` judges each certificate
 * before anything is written.
 */
export interface Service extends Registry {
  readonly kind: ServiceKind;
  /** What its certificates must come from. They are the project's, never the service's word. */
  readonly anchors: readonly Certificate[];
  /**
   * Asks for a certificate. Gives PEM: the certificate first, then those between it and a root.
   * @throws FleetsecError `refused` by the service's rules, `unreachable`, `issuer` where it cannot
   *   do its work
   */
  certify(request: ServiceRequest): Promise<string>;
  /** Revokes a certificate; one that is revoked already is no error. @throws FleetsecError as `certify` */
  revoke(request: ServiceRevocation): Promise<void>;
  /** The CRLs that it publishes, PEM; undefined where it publishes none. @throws FleetsecError as `certify` */
  crl(): Promise<string | undefined>;
}

export interface ServiceRequest {
  readonly plan: IssuePlan;
  /** PEM, signed by the key that is to be certified. */
  readonly csr: string;
  /** What is to be replaced by a certificate for the same key, where that key is in a file. */
  readonly present: PresentPair | undefined;
}

/** A certificate that is in use, and its key, PEM. */
export interface PresentPair {
  readonly certificate: Certificate;
  /** The certificate and those between it and a root. */
  readonly chain: string;
  readonly key: string;
  /** The service that made it, where one did. */
  readonly issuer: ServiceKind | undefined;
}

export interface ServiceRevocation {
  readonly name: string;
  /** As OpenSSL prints it. */
  readonly serial: string;
  readonly reason: RevocationReason;
}

/** The CA that signs next, where it is the project's own. */
export function currentCa(issuer: Issuer): CaGeneration | undefined {
  return issuer.kind === "local" ? issuer.current : undefined;
}

/** The roots that certificates of an issuer are to be trusted by. */
export function anchorsOf(issuer: Issuer): readonly Certificate[] {
  if (issuer.kind !== "local") return issuer.anchors;
  // generations of issuing CAs share a root
  return [...new Map(issuer.trusted.map(({ id, root }) => [id, root])).values()];
}
