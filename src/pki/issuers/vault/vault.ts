import type { Network } from "../../../platform/network.ts";
import type { GeneralName } from "../../general-name.ts";
import type { IssuePlan } from "../../plan.ts";
import { failing, member, refusedBy, strings } from "../answer.ts";
import type { Service } from "../issuer.ts";
import { vaultClient, type VaultServer } from "./client.ts";

/** The PKI secrets engine of a Vault or OpenBao server. */
export interface VaultPki {
  readonly server: VaultServer;
  /** Where the engine that issues is mounted. */
  readonly mount: string;
  /** Where the engine with the root is mounted, for its CRL; undefined where that is not asked for. */
  readonly rootMount?: string | undefined;
  /** Its name of a role of ours. */
  readonly role: (name: string) => string;
}

/**
 * Issues through the engine's `sign` endpoint: it gets a CSR, so that no private key travels.
 * Endpoints: developer.hashicorp.com/vault/api-docs/secret/pki, openbao.org/api-docs/secret/pki.
 */
export function vaultService(
  network: Pick<Network, "request">,
  { server, mount, rootMount, role }: VaultPki,
): Pick<Service, "kind" | "certify" | "revoke" | "crl"> {
  const client = vaultClient(network, server);
  return {
    kind: "vault",
    async certify({ plan, csr }) {
      const answer = await client.ask(`${mount}/sign/${role(plan.role.name)}`, signBody(plan, csr));
      refuseCapped(strings(member(answer, "warnings")), plan);
      const data = member(answer, "data");
      const certificate = member(data, "certificate");
      if (typeof certificate === "string") {
        return [certificate, ...strings(member(data, "ca_chain"))].map((pem) => `${pem.trim()}\n`).join("");
      }
      throw failing("vault", "answers without a certificate", "check that pki.vault.mount is a PKI engine");
    },
    async revoke({ serial }) {
      const colons = serial.toLowerCase().match(/../g)?.join(":");
      await client.ask(`${mount}/revoke`, { serial_number: colons });
    },
    async crl() {
      const mounts = rootMount === undefined ? [mount] : [mount, rootMount];
      const lists: string[] = [];
      for (const at of mounts) lists.push((await client.fetch(`${at}/crl/pem`)).toString("latin1").trim());
      const pem = lists.filter((list) => list !== "").map((list) => `${list}\n`);
      return pem.length === 0 ? undefined : pem.join("");
    },
  };
}

function signBody({ name, names, ttl }: IssuePlan, csr: string): object {
  const of = (type: GeneralName["type"]) =>
    names.flatMap((san) => (san.type === type ? [String(san.value)] : [])).join(",");
  return {
    csr,
    common_name: name,
    alt_names: of("dns"),
    ip_sans: of("ip"),
    uri_sans: of("uri"),
    ttl: `${ttl}s`,
    exclude_cn_from_sans: true,
    format: "pem",
  };
}

/** It shortens a lifetime that is too long for the role or the mount, and only warns of it. */
function refuseCapped(warnings: readonly string[], { role }: IssuePlan): void {
  const capped = warnings.filter((warning) => /\bttl\b/i.test(warning));
  if (capped.length === 0) return;
  throw refusedBy(
    "vault",
    capped,
    `ask for less, or raise max_ttl of its role for ${role.name} and of its mount; nothing was written`,
  );
}
