import { type Attack, type Attempt, presenting } from "../attack.ts";
import type { Forgery } from "../identities/forgery.ts";
import type { KeyFamily } from "../key-family.ts";
import type { Expectation } from "../target.ts";
import { asAllowed, asDenied } from "../variant.ts";

/** Valid certificates of roles that must not use the target; those that may are the control. */
export const otherIdentity: Attack = {
  id: "other-identity",
  title: "of a role that must not be served",
  reference: "OWASP API5:2023, RFC 6749 section 10.3",
  meaning: "whoever has any valid certificate is served: who it is makes no difference",
  fix: {
    nginx:
      'auth_request to the policy engine, or if ($ssl_client_s_dn !~ "OU=carrier_dispatch") { return 403; }',
    envoy:
      "ext_authz to a policy engine that reads the roles, the OU attributes of the certificate's subject (an RBAC filter sees its URI or DNS name alone)",
    haproxy: "http-request deny unless { ssl_c_s_dn(OU) carrier_dispatch }",
    node: "after authorized: compare the roles in socket.getPeerCertificate().subject.OU (one, or a list) with those that may use the route",
    go: "after verification: compare the roles in r.TLS.VerifiedChains[0][0].Subject.OrganizationalUnit with those that may use the route",
  },
  weight: "required",
  takesIdentity: true,
  versions: ["1.3", "1.2"],
  perTarget: true,
  async plan({ target, forgery, families }) {
    const { expected = [] } = target;
    if (expected.length === 0) {
      return { outcome: "not-run", reason: "needs roles that must not be served: probe.expectations" };
    }
    const attempts: Attempt[] = [];
    for (const one of expected) {
      const attempt = await attemptAs(one, forgery, families);
      if (attempt === undefined) {
        // it is expected, and nothing is known of it
        const reason = `there is no certificate of ${one.role} from the CA that issued the valid client`;
        return { outcome: "inconclusive", reason };
      }
      attempts.push(attempt);
    }
    return { attempts };
  },
};

async function attemptAs(
  { role, outcome }: Expectation,
  { member }: Forgery,
  families: readonly KeyFamily[],
): Promise<Attempt | undefined> {
  for (const family of families) {
    const identity = await member(role, family);
    if (identity === undefined) continue;
    return { ...presenting(identity, role), revise: outcome === "denied" ? asDenied : asAllowed };
  }
  return undefined;
}
