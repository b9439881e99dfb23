import { FleetsecError } from "../../../errors.ts";
import type { HttpRequest } from "../../../platform/http.ts";
import type { Platform } from "../../../platform/platform.ts";
import { REASON_CODES } from "../../crl.ts";
import { decodeSinglePem, encodePem } from "../../pem.ts";
import { failing, member, strings } from "../answer.ts";
import type { Service, ServiceRequest } from "../issuer.ts";
import { isAsPlanned } from "../judge.ts";
import {
  askStepCa,
  endpoint,
  provisionersOf,
  refusal,
  type StepCaAnswer,
  type StepCaServer,
} from "./client.ts";
import { oneTimeToken, type ProvisionerKey, type TokenClaims } from "./token.ts";

export interface StepCa {
  readonly server: StepCaServer;
  /** Its provisioner of type JWK for a role of ours. */
  readonly provisioner: (role: string) => string;
  /** The provisioner of a certificate's role, by its serial number: who issued may revoke. */
  readonly roleOf: (serial: string) => string;
  /**
   * That provisioner's key, read when it is first needed.
   * @throws FleetsecError where there is none: then certificates of clients, whose keys are in files, can still be renewed
   */
  readonly key: () => ProvisionerKey;
}

type StepCaPlatform = Pick<Platform, "clock" | "random" | "network">;

/**
 * Issues through step-ca's sign API with one-time tokens of a JWK provisioner, and renews a
 * client's certificate by itself, over mutual TLS, as long as it is valid: a machine that only does that needs
 * no provisioner's key. API: smallstep/certificates, api/api.go.
 */
export function stepCaService(
  { clock, random, network }: StepCaPlatform,
  { server, provisioner, roleOf, key }: StepCa,
): Pick<Service, "kind" | "certify" | "revoke" | "crl"> {
  const token = (path: string, claims: Pick<TokenClaims, "issuer" | "subject" | "sans" | "csr">) =>
    oneTimeToken(key(), {
      ...claims,
      audience: endpoint(server, path).href,
      now: clock.now(),
      id: Buffer.from(random(32)).toString("hex"),
    });

  async function sign({ plan, csr }: ServiceRequest): Promise<StepCaAnswer> {
    const issuer = provisioner(plan.role.name);
    const ott = token("sign", {
      issuer,
      subject: plan.name,
      sans: plan.names.map(({ value }) => String(value)),
      csr: decodeSinglePem(csr, "CSR", ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"]).der,
    });
    const answer = await askStepCa(network, server, "sign", {
      body: { csr, ott, notAfter: `${plan.ttl}s` },
    });
    if (answer.status === 401) throw await notAuthorized(issuer);
    return answer;
  }

  /** A 401 is said of a provisioner that is not there, of another key, and of a token that has ended. */
  async function notAuthorized(name: string): Promise<FleetsecError> {
    const named = (await provisionersOf(network, server)).filter(
      (known) => known.name === name && known.type === "JWK",
    );
    if (named.length === 0) {
      return new FleetsecError("refused", `step-ca has no JWK provisioner ${name}`, {
        hint: "fleetsec scaffold step-ca writes one for each role; pki.step_ca.provisioners maps names",
      });
    }
    const isOurs = named.some(({ keyId }) => keyId === key().id);
    return failing(
      "step-ca",
      isOurs
        ? "does not accept the token: it has ended, or was used before"
        : `does not accept the token: its provisioner ${name} has another key`,
      isOurs ? "compare the clocks of the two machines" : "check pki.step_ca.provisioner_key",
    );
  }

  return {
    kind: "step-ca",
    async certify(request) {
      const identity = renewingIdentity(request, clock.now());
      const answer =
        identity === undefined
          ? await sign(request)
          : await askStepCa(network, server, "renew", { body: {}, identity });
      if (answer.status !== 201) throw refusal(answer);
      const chain = strings(member(answer.json, "certChain"));
      if (chain.length > 0) return chain.map((pem) => `${pem.trim()}\n`).join("");
      throw failing("step-ca", "answers without a certificate", "check pki.step_ca.address");
    },
    async revoke({ serial, reason }) {
      const subject = BigInt(`0x${serial}`).toString();
      const ott = token("revoke", { issuer: provisioner(roleOf(serial)), subject });
      const body = { serial: subject, ott, reasonCode: REASON_CODES[reason], reason, passive: true };
      const answer = await askStepCa(network, server, "revoke", { body });
      if (answer.status === 200 || answer.message.includes("already revoked")) return;
      if (answer.status === 401) throw await notAuthorized(provisioner(roleOf(serial)));
      throw refusal(answer);
    },
    async crl() {
      const { status, body } = await askStepCa(network, server, "crl");
      return status === 200 && body.length > 0 ? encodePem("X509 CRL", body) : undefined;
    },
  };
}

/**
 * It renews what it made itself, as it was and while it is valid. Its TLS server takes certificates of
 * clients only (clientAuth): one for a server alone cannot be shown.
 */
function renewingIdentity({ plan, present }: ServiceRequest, now: number): HttpRequest["identity"] {
  if (!plan.role.usages.includes("client")) return undefined;
  if (present?.issuer !== "step-ca" || now >= present.certificate.notAfter) return undefined;
  return isAsPlanned(present.certificate, plan) ? { cert: present.chain, key: present.key } : undefined;
}
