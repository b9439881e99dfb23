import type { Identity } from "./identity.ts";

export const POLICY_ID = "fleetsec-gateway/roles@v1";

export interface Decision {
  readonly allow: boolean;
  readonly reason: string;
}

/**
 * The embedded gateway's policy: the certificate must still be valid at this moment, and carry one
 * of the application roles. What more a request needs is for OPA behind nginx or Envoy.
 * @param now milliseconds since the epoch
 */
export function authorize(identity: Identity, allowedRoles: readonly string[], now: number): Decision {
  // a connection can outlive the certificate it was made with
  if (now > identity.notAfter) return { allow: false, reason: "certificate expired" };
  const role = identity.roles.find((candidate) => allowedRoles.includes(candidate));
  if (role === undefined) return { allow: false, reason: "no application role that may pass" };
  return { allow: true, reason: `role ${role}` };
}
