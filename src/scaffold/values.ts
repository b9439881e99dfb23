import { isAbsolute, relative } from "node:path";
import { UNTRUSTED_HEADERS } from "./untrusted-headers.ts";
import { pkiValues } from "./pki-values.ts";
import type { Values } from "./render.ts";

/** HOST:PORT, where an IPv6 host stands in brackets. */
export type HostPort = string;

/** What the templates are filled in with; paths are absolute. */
export interface Settings {
  readonly name: string;
  /** The version of this program. */
  readonly version: string;
  /** The trust domain. */
  readonly domain: string;
  /** The directory of fleetsec.yaml: below it, paths are written relative, so that it can move. */
  readonly project: string;
  readonly gateway: {
    readonly serverName: string;
    readonly listen: HostPort;
    readonly upstream: readonly HostPort[];
    readonly opa: HostPort;
    /** OPA's Envoy plugin. */
    readonly opaGrpc: HostPort;
    /** Bytes of a request's body. */
    readonly maxBody: number;
    /** Where gateways append audit events; relative to the gateway's own directory. */
    readonly events: string;
    readonly routes: readonly { readonly method: string; readonly path: string; readonly verb: string }[];
  };
  readonly policy: {
    readonly zone: string;
    readonly vehiclePrefix: string;
    readonly vehicleRoles: readonly string[];
    readonly matrix: readonly PolicyRow[];
  };
  readonly pki: PkiSettings;
  readonly paths: {
    /** fleetsec.yaml. */
    readonly config: string;
    /** Where the CA, certificates and inventory are kept. */
    readonly state: string;
    /** The gateway's key, certificate and chain in one file. */
    readonly bundle: string;
    /** The directory in which `current` is swapped on renewal. */
    readonly certificate: string;
    /** The CAs whose clients are let in. */
    readonly clientCa: string;
    /** CRLs of every CA of a client's chain, or null where none are checked. */
    readonly crl: string | null;
  };
}

/** What an issuing service is set up with. Durations are in seconds. */
export interface PkiSettings {
  readonly keyType: string;
  readonly nameConstraints: boolean;
  readonly rootTtl: number;
  readonly issuingTtl: number;
  readonly crlTtl: number;
  readonly crlUrl: string | undefined;
  readonly ocspUrl: string | undefined;
  readonly stepCa: {
    readonly host: string;
    readonly port: number;
    /** The public JWK of its provisioners; null where it is not known. */
    readonly provisionerKey: Readonly<Record<string, string>> | null;
  };
  readonly certManager: { readonly issuer: string; readonly kind: string; readonly namespace: string };
  readonly vault: { readonly mount: string; readonly rootMount: string };
  readonly roles: readonly RoleSettings[];
}

export interface RoleSettings {
  readonly name: string;
  /** What Vault and step-ca call it. */
  readonly vaultName: string;
  readonly provisioner: string;
  readonly usages: readonly string[];
  readonly ttl: number;
  readonly maxTtl: number;
  readonly keyTypes: readonly string[];
  readonly allowedDomains: readonly string[];
  readonly allowSubdomains: boolean;
  readonly allowBareDomains: boolean;
  readonly allowIpSans: boolean;
  readonly allowedUriSans: readonly string[];
  readonly applicationRoles: readonly string[];
}

export interface PolicyRow {
  readonly role: string;
  readonly verbs?: readonly string[] | undefined;
  readonly regions?: readonly string[] | undefined;
  readonly hours?: readonly [number, number] | undefined;
  readonly days?: readonly string[] | undefined;
}

/** Everything that a template in `directory` can name. docs/scaffold.md lists it. */
export function valuesFor(settings: Settings, directory: string): Values {
  const { gateway, policy, paths } = settings;
  const path = (absolute: string) => pathFrom(directory, absolute, settings.project);
  const [listenHost, listenPort] = splitHostPort(gateway.listen);
  const [opaGrpcHost, opaGrpcPort] = splitHostPort(gateway.opaGrpc);
  return {
    name: settings.name,
    fleetsec_version: settings.version,
    domain: settings.domain,
    server_name: gateway.serverName,
    server_names: isLoopback(listenHost) ? [gateway.serverName, "localhost"] : [gateway.serverName],
    listen: gateway.listen,
    listen_host: listenHost,
    listen_port: listenPort,
    upstreams: gateway.upstream.map((address, i) => {
      const [host, port] = splitHostPort(address);
      return { name: `upstream-${i + 1}`, address, host, port };
    }),
    upstream_discovery: gateway.upstream.every((address) => isIp(splitHostPort(address)[0]))
      ? "STATIC"
      : "STRICT_DNS",
    opa: gateway.opa,
    opa_grpc: gateway.opaGrpc,
    opa_grpc_host: opaGrpcHost,
    opa_grpc_port: opaGrpcPort,
    opa_grpc_discovery: isIp(opaGrpcHost) ? "STATIC" : "STRICT_DNS",
    max_body: gateway.maxBody,
    events: gateway.events,
    untrusted_headers: UNTRUSTED_HEADERS,
    routes: gateway.routes.map(({ method, path: pattern, verb }) => ({ method, path: pattern, verb })),
    zone: policy.zone,
    vehicle_prefix: policy.vehiclePrefix,
    vehicle_roles: policy.vehicleRoles,
    matrix: policy.matrix.map(({ role, verbs, regions, hours, days }) => ({
      role,
      ...(verbs === undefined ? {} : { verbs }),
      ...(regions === undefined ? {} : { regions }),
      ...(hours === undefined ? {} : { hours }),
      ...(days === undefined ? {} : { days }),
    })),
    ...pkiValues(settings),
    // absolute: units are copied to where systemd looks for them
    config: paths.config,
    state_directory: paths.state,
    bundle: path(paths.bundle),
    certificate_directory: path(paths.certificate),
    client_ca: path(paths.clientCa),
    crl: paths.crl === null ? null : path(paths.crl),
  };
}

/**
 * A path as a file in `directory` names it: relative while both lie in the project, absolute
 * otherwise. It always starts with `.` or `/`, so no engine takes it for anything but a path.
 */
export function pathFrom(directory: string, path: string, project: string): string {
  const within = (at: string) => {
    const below = relative(project, at);
    return below !== ".." && !below.startsWith("../") && !isAbsolute(below);
  };
  if (!within(directory) || !within(path)) return path;
  const steps = relative(directory, path);
  return steps.startsWith("../") ? steps : `./${steps}`;
}

/** Host without brackets, and port. The text has been checked by the configuration's schema. */
export function splitHostPort(address: HostPort): [string, number] {
  const colon = address.lastIndexOf(":");
  return [address.slice(0, colon).replace(/^\[|\]$/g, ""), Number(address.slice(colon + 1))];
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}

function isIp(host: string): boolean {
  return host.includes(":") || /^\d{1,3}(\.\d{1,3}){3}$/.test(host);
}
