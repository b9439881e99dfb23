import type { Config } from "./schema.ts";

/** What `init` asks for; everything else in a new configuration is a default. */
export interface InitialAnswers {
  readonly name: string;
  /** The trust domain. */
  readonly domain: string;
  readonly gateways: Config["gateway"]["kinds"];
}

/** Where the editor's JSON Schema is kept, relative to the configuration. */
export const EDITOR_SCHEMA = ".fleetsec/config.schema.json";

/**
 * The text of a new `fleetsec.yaml`: short, commented, valid by the schema.
 * The answers must be valid by the schema too; they are written as they are.
 */
export function initialConfig({ name, domain, gateways }: InitialAnswers): string {
  return `# yaml-language-server: $schema=./${EDITOR_SCHEMA}
# What fleetsec works from. docs/configuration.md explains each key.
version: 1
name: ${name}
domain: ${domain} # the trust domain: certificates are issued below it

pki:
  roles:
    # software on a vehicle
    fleet-edge:
      usages: [client]
      ttl: 24h
      max_ttl: 72h
      allowed_domains: [${domain}]
      allowed_uri_sans: ["spiffe://${domain}/fleet-edge/*"]
      application_roles: [vehicle_agent]
    # the TMS side of the integration
    tms-connector:
      usages: [client]
      ttl: 24h
      max_ttl: 72h
      allowed_domains: [${domain}]
      allowed_uri_sans: ["spiffe://${domain}/tms-connector/*"]
      application_roles: [carrier_dispatch]
    # what clients connect to
    gateway:
      usages: [server]
      ttl: 24h
      max_ttl: 72h
      allowed_domains: [${domain}, localhost]
      allow_bare_domains: true
      allow_ip_sans: true

gateway:
  kinds: [${gateways.join(", ")}]
  server_name: gateway.${domain}
  listen: 127.0.0.1:8443
  upstream: 127.0.0.1:8080

probe:
  targets: ["https://localhost:8443/healthz"]

logs:
  origin: ${domain}/audit
  store: audit-log
`;
}
