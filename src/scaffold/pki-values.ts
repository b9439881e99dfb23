import type { Values } from "./render.ts";
import type { PkiSettings, RoleSettings, Settings } from "./values.ts";

/** What the templates of issuing services can name beside the rest. */
export function pkiValues({ name, domain, pki }: Settings): Values {
  const [keyKind, keyBits] = KEYS[pki.keyType] ?? ["ec", 256];
  const [algorithm, option] = OPENSSL_KEYS[pki.keyType] ?? ["EC", "ec_paramgen_curve:P-256"];
  return {
    organization: name,
    ca_key_type: keyKind,
    ca_key_bits: keyBits,
    root_ttl: `${pki.rootTtl}s`,
    issuing_ttl: `${pki.issuingTtl}s`,
    crl_ttl: `${pki.crlTtl}s`,
    crl_url: pki.crlUrl ?? null,
    ocsp_url: pki.ocspUrl ?? null,
    openssl_algorithm: algorithm,
    openssl_option: option,
    root_days: Math.ceil(pki.rootTtl / DAY),
    issuing_days: Math.ceil(pki.issuingTtl / DAY),
    name_constraints: pki.nameConstraints,
    domains: permittedDomains(domain, pki.roles).map((permitted, i) => ({ name: permitted, number: i + 1 })),
    addresses: pki.roles.some((role) => role.allowIpSans),
    step_ca_host: pki.stepCa.host,
    step_ca_listen: `:${pki.stepCa.port}`,
    step_ca_crl: stepCaCrl(pki),
    step_ca_provisioners: pki.roles.map((role) => provisioner(name, pki, role)),
    ...certManagerValues(pki),
    vault_mount: pki.vault.mount,
    vault_root_mount: pki.vault.rootMount,
    // as Vault takes a list in one argument; null without name constraints
    permitted_domains: pki.nameConstraints ? permittedDomains(domain, pki.roles).join(",") : null,
    roles: pki.roles.map(roleValues),
  };
}

const DAY = 86_400;

function permittedDomains(domain: string, roles: readonly RoleSettings[]): string[] {
  return [...new Set([domain, ...roles.flatMap((role) => role.allowedDomains)])];
}

/** What `openssl genpkey` makes: an algorithm, and its option where it has one. */
const OPENSSL_KEYS: Readonly<Record<string, readonly [string, string | null]>> = {
  p256: ["EC", "ec_paramgen_curve:P-256"],
  p384: ["EC", "ec_paramgen_curve:P-384"],
  ed25519: ["ED25519", null],
  rsa3072: ["RSA", "rsa_keygen_bits:3072"],
};

/** A provisioner of step-ca (its type JWK) for a role; leaf.tpl knows the names in its templateData. */
function provisioner(organization: string, pki: PkiSettings, role: RoleSettings): Values {
  const duration = (seconds: number) => `${seconds}s`;
  return {
    type: "JWK",
    name: role.provisioner,
    key: pki.stepCa.provisionerKey,
    claims: {
      defaultTLSCertDuration: duration(role.ttl),
      maxTLSCertDuration: duration(role.maxTtl),
      disableSmallstepExtensions: false,
    },
    options: {
      x509: {
        templateFile: "./leaf.tpl",
        templateData: {
          organization: [organization],
          applicationRoles: role.applicationRoles,
          usages: role.usages.map((usage) => `${usage}Auth`),
          allowedNames: allowedNames(role),
          // OpenSSL wants the CRL's own distribution point in the certificate (RFC 5280 section 6.3.3)
          crlUrls: [stepCaCrl(pki)],
          ocspUrls: pki.ocspUrl === undefined ? [] : [pki.ocspUrl],
        },
      },
    },
  };
}

function stepCaCrl({ crlUrl, stepCa: { host, port } }: PkiSettings): string {
  return crlUrl ?? `https://${host.includes(":") ? `[${host}]` : host}:${port}/1.0/crl`;
}

/** The names that a role allows as one regular expression (RE2) over `type:value`. */
function allowedNames(role: RoleSettings): string {
  const literal = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  const dns = role.allowedDomains.flatMap((domain) => [
    ...(role.allowBareDomains ? [`dns:${literal(domain)}`] : []),
    ...(role.allowSubdomains ? [`dns:([a-z0-9-]+\\.)+${literal(domain)}`] : []),
  ]);
  const uris = role.allowedUriSans.map((glob) => {
    const parts = glob.split(/(\*\*?)/);
    return `uri:${parts.map((part) => ({ "*": "[^/]*", "**": ".*" })[part] ?? literal(part)).join("")}`;
  });
  return `^(${[...dns, ...uris, ...(role.allowIpSans ? ["ip:.*"] : [])].join("|")})$`;
}

function certManagerValues({ keyType, certManager }: PkiSettings): Values {
  const [algorithm, size] = CLUSTER_KEYS[keyType] ?? ["ECDSA", 256];
  return {
    cert_manager_issuer: certManager.issuer,
    cert_manager_kind: certManager.kind,
    cert_manager_namespace: certManager.namespace,
    cert_manager_namespaced: certManager.kind === "Issuer",
    cert_manager_algorithm: algorithm,
    cert_manager_size: size,
  };
}

/** cert-manager's names of key types: algorithm and size. */
const CLUSTER_KEYS: Readonly<Record<string, readonly [string, number | null]>> = {
  p256: ["ECDSA", 256],
  p384: ["ECDSA", 384],
  ed25519: ["Ed25519", null],
  rsa3072: ["RSA", 3072],
};

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
