import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { LoadedConfig } from "../config/load.ts";
import { stateLayout } from "../pki/state.ts";
import type { Settings } from "../scaffold/values.ts";

/** `templates/` lies beside `dist/` in the package and beside `src/` in the repository. */
export const TEMPLATE_LIBRARY = fileURLToPath(new URL("../../templates", import.meta.url));

/** Where templates are written, beside the configuration. */
export const DEPLOY_DIRECTORY = "deploy";

/** The part of a configuration that templates are filled in from. */
export function templateSettings({ config, directory }: LoadedConfig): Settings {
  const { gateway, policy, domain } = config;
  const state = stateLayout(resolve(directory, config.state));
  const certificate = join(state.certificates, gateway.certificate);
  return {
    name: config.name,
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
    paths: {
      certificate,
      bundle: join(certificate, "current", "bundle.pem"),
      clientCa: state.trustBundle,
      crl: gateway.crl ? state.crl : null,
    },
  };
}
