import type { Values } from "./render.ts";
import type { RoleSettings, Settings } from "./values.ts";

/** What the templates of issuing services can name beside the rest. */
export function pkiValues({ name, domain, pki }: Settings): Values {
  const [keyKind, keyBits] = KEYS[pki.keyType] ?? ["ec", 256];
  return {
    organization: name,
    ca_key_type: keyKind,
    ca_key_bits: keyBits,
    root_ttl: `${pki.rootTtl}s`,
    issuing_ttl: `${pki.issuingTtl}s`,
    crl_ttl: `${pki.crlTtl}s`,
    crl_url: pki.crlUrl ?? null,
    ocsp_url: pki.ocspUrl ?? null,
    vault_mount: pki.vault.mount,
    vault_root_mount: pki.vault.rootMount,
    // as Vault takes a list in one argument; null without name constraints
    permitted_domains: pki.nameConstraints
      ? [...new Set([domain, ...pki.roles.flatMap((role) => role.allowedDomains)])].join(",")
      : null,
    roles: pki.roles.map(roleValues),
  };
}

/** Vault's names of key types: kind and bits. */
const KEYS: Readonly<Record<string, readonly [string, number]>> = {
  p256: ["ec", 256],
  p384: ["ec", 384],
  ed25519: ["ed25519", 0],
  rsa3072: ["rsa", 3072],
};

function roleValues(role: RoleSettings): Values {
  const kinds = [...new Set(role.keyTypes.map((type) => KEYS[type]?.[0] ?? "any"))];
  return {
    name: role.name,
    vault_role: role.vaultName,
    provisioner: role.provisioner,
    client: role.usages.includes("client"),
    server: role.usages.includes("server"),
    role_ttl: `${role.ttl}s`,
    max_ttl: `${role.maxTtl}s`,
    // one kind, or any: which of them is refused before Vault is asked
    vault_key_type: kinds.length === 1 ? (kinds[0] ?? "any") : "any",
    allowed_domains: role.allowedDomains,
    allow_subdomains: role.allowSubdomains,
    allow_bare_domains: role.allowBareDomains,
    allow_ip_sans: role.allowIpSans,
    allowed_uri_sans: role.allowedUriSans,
    application_roles: role.applicationRoles,
  };
}
