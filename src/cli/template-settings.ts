import { join, resolve } from "node:path";
import type { LoadedConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { layoutFor } from "../pki/state.ts";
import type { Settings } from "../scaffold/values.ts";
import { version } from "./package-files.ts";

/** Where templates are written, beside the configuration. */
export const DEPLOY_DIRECTORY = "deploy";

/** The part of a configuration that templates are filled in from. */
export function templateSettings({ config, path, directory }: LoadedConfig): Settings {
  const { gateway, policy, domain } = config;
  const stateDirectory = resolve(directory, config.state);
  const state = layoutFor(stateDirectory, config.pki.issuer);
  const certificate = join(state.certificates, gateway.certificate);
  return {
    name: config.name,
    version: version(),
    domain,
    project: directory,
    gateway: {
      serverName: gateway.server_name ?? `gateway.${domain}`,
      listen: gateway.listen,
      upstream: gateway.upstream,
      opa: gateway.opa,
      opaGrpc: gateway.opa_grpc,
      maxBody: gateway.max_body,
      events: gateway.events,
      routes: gateway.routes,
    },
    policy: {
      zone: policy.zone,
      vehiclePrefix: policy.vehicle_prefix ?? `spiffe://${domain}/fleet-edge/`,
      vehicleRoles: policy.vehicle_roles,
      matrix: policy.matrix,
    },
    pki: pkiSettings(config),
    paths: {
      config: path,
      state: stateDirectory,
      certificate,
      bundle: join(certificate, "current", "bundle.pem"),
      clientCa: state.trustBundle,
      crl: gateway.crl ? state.crl : null,
    },
  };
}

function pkiSettings({ pki }: Config): Settings["pki"] {
  return {
    keyType: pki.key_type,
    nameConstraints: pki.name_constraints,
    rootTtl: pki.root_ttl,
    issuingTtl: pki.intermediate_ttl,
    crlTtl: pki.crl_ttl,
    crlUrl: pki.crl_url,
    ocspUrl: pki.ocsp_url,
    stepCa: { ...stepCaAddress(pki.step_ca?.address), provisionerKey: null },
    certManager: pki.cert_manager,
    vault: { mount: pki.vault?.mount ?? "pki", rootMount: pki.vault?.root_mount ?? "pki-root" },
    roles: Object.entries(pki.roles).map(([name, role]) => ({
      name,
      vaultName: pki.vault?.roles[name] ?? name,
      provisioner: pki.step_ca?.provisioners[name] ?? name,
      usages: role.usages,
      ttl: role.ttl,
      maxTtl: role.max_ttl,
      keyTypes: role.key_types,
      allowedDomains: role.allowed_domains,
      allowSubdomains: role.allow_subdomains,
      allowBareDomains: role.allow_bare_domains,
      allowIpSans: role.allow_ip_sans,
      allowedUriSans: role.allowed_uri_sans,
      applicationRoles: role.application_roles,
    })),
  };
}

/** What step-ca listens on so that it is found at its address. */
function stepCaAddress(address = "https://localhost:9000"): { host: string; port: number } {
  const { hostname, port } = new URL(address);
  return { host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? 443 : Number(port) };
}
