import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beside, lax, type Member, run, strict } from "./zoo.ts";

const EXTENSIONS = "type.googleapis.com/envoy.extensions";

type Context = (tls: { common: object; validation: object; tickets: object }) => object;

/** @param contexts of the listeners' TLS, over what they are given; there may be a second one */
function envoy(...contexts: readonly [Context] | readonly [Context, Context]): Member["start"] {
  return filtering([], contexts);
}

/** Lets principals in. Without a name, `authenticated` is anybody who speaks TLS. */
function rbac(authenticated: object): object {
  const clients = { permissions: [{ any: true }], principals: [{ authenticated }] };
  const config = { "@type": `${EXTENSIONS}.filters.http.rbac.v3.RBAC`, rules: { policies: { clients } } };
  return { name: "envoy.filters.http.rbac", typed_config: config };
}

function filtering(filters: readonly object[], contexts: readonly Context[]): Member["start"] {
  return (program, enclosure) =>
    run(enclosure, program, (...ports) => {
      const { directory, cert, key, ca, put } = enclosure;
      const common = {
        tls_params: { tls_minimum_protocol_version: "TLSv1_2", tls_maximum_protocol_version: "TLSv1_3" },
        tls_certificates: [{ certificate_chain: { filename: cert }, private_key: { filename: key } }],
      };
      const keys = join(directory, "tickets.key");
      writeFileSync(keys, randomBytes(80), { mode: 0o600 });
      const tickets = { session_ticket_keys: { keys: [{ filename: keys }] } };
      const listeners = contexts.map((context, i) =>
        listener(
          ports[i] ?? 0,
          context({ common, validation: { trusted_ca: { filename: ca } }, tickets }),
          filters,
        ),
      );
      const path = put("envoy.json", JSON.stringify({ static_resources: { listeners } }));
      return ["-c", path, "--use-dynamic-base-id", "--concurrency", "1", "--log-level", "warning"];
    });
}

function listener(port: number, tls: object, filters: readonly object[]): object {
  const route = {
    match: { prefix: "/" },
    direct_response: { status: 200, body: { inline_string: "welcome" } },
  };
  const manager = {
    "@type": `${EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: "zoo",
    route_config: { virtual_hosts: [{ name: "all", domains: ["*"], routes: [route] }] },
    http_filters: [
      ...filters,
      {
        name: "envoy.filters.http.router",
        typed_config: { "@type": `${EXTENSIONS}.filters.http.router.v3.Router` },
      },
    ],
  };
  const chain = {
    filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager }],
    transport_socket: {
      name: "envoy.transport_sockets.tls",
      typed_config: { "@type": `${EXTENSIONS}.transport_sockets.tls.v3.DownstreamTlsContext`, ...tls },
    },
  };
  const address = { socket_address: { address: "127.0.0.1", port_value: port } };
  return { address, filter_chains: [chain] };
}

const required: Context = ({ common, validation }) => ({
  require_client_certificate: true,
  common_tls_context: { ...common, validation_context: validation },
});
const optional: Context = ({ common, validation }) => ({
  common_tls_context: { ...common, validation_context: validation },
});
/** With the file of tickets' keys that the other listener has too. */
const inCommon =
  (context: Context): Context =>
  (tls) => ({ ...context(tls), ...tls.tickets });

export const envoys: readonly Member[] = [
  ...strict("Envoy", "https", {
    "`require_client_certificate`": envoy(required),
    "the same, beside a listener without it, tickets' keys apart": beside("port", envoy(required, optional)),
    "no `require_client_certificate`, and RBAC for `authenticated` principals of any name": filtering(
      [rbac({ principal_name: { safe_regex: { regex: ".+" } } })],
      [optional],
    ),
  }),
  ...strict("Envoy", "h2", {
    "`require_client_certificate`, HTTP/2": envoy(({ common, validation }) => ({
      require_client_certificate: true,
      common_tls_context: { ...common, validation_context: validation, alpn_protocols: ["h2", "http/1.1"] },
    })),
  }),
  ...lax("Envoy", "https", {
    "no `require_client_certificate`": [["no-cert"], envoy(optional)],
    "no `require_client_certificate`, and RBAC for `authenticated` principals without a name": [
      ["no-cert"],
      filtering([rbac({})], [optional]),
    ],
    "`require_client_certificate`, beside a listener without it, `session_ticket_keys` in common": [
      ["resume-cross-host"],
      beside("port", envoy(inCommon(required), inCommon(optional))),
    ],
    "`require_client_certificate` and no validation context": [
      ["no-cert", "self-signed"],
      envoy(({ common }) => ({ require_client_certificate: true, common_tls_context: common })),
    ],
    "`trust_chain_verification: ACCEPT_UNTRUSTED`": [
      ["self-signed", "wrong-ca", "twin-ca", "expired"],
      envoy(({ common, validation }) => ({
        require_client_certificate: true,
        common_tls_context: {
          ...common,
          validation_context: { ...validation, trust_chain_verification: "ACCEPT_UNTRUSTED" },
        },
      })),
    ],
  }),
];
