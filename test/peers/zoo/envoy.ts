import { createHash, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beside, lax, type Member, run, strict } from "./zoo.ts";

const EXTENSIONS = "type.googleapis.com/envoy.extensions";

type Context = (tls: { common: object; validation: object; tickets: object; pins: object }) => object;

/** A listener's TLS: one for everybody, or one for clients that offer HTTP by ALPN and another for the rest. */
type Contexts = Context | { readonly offeringHttp: Context; readonly others: Context };

/** @param contexts of the listeners' TLS, over what they are given; there may be a second one */
function envoy(...contexts: readonly [Contexts] | readonly [Contexts, Contexts]): Member["start"] {
  return filtering([], contexts);
}

const ANY_NAME = { principal_name: { safe_regex: { regex: ".+" } } };

/** Lets principals in. Without a name, `authenticated` is anybody who speaks TLS. */
function rbac(authenticated: object, ...others: readonly object[]): object {
  const clients = { permissions: [{ any: true }], principals: [{ authenticated }, ...others] };
  const config = { "@type": `${EXTENSIONS}.filters.http.rbac.v3.RBAC`, rules: { policies: { clients } } };
  return { name: "envoy.filters.http.rbac", typed_config: config };
}

/** @param manager what else is said of HTTP */
function filtering(
  filters: readonly object[],
  contexts: readonly Contexts[],
  manager: object = {},
): Member["start"] {
  return (program, enclosure) =>
    run(enclosure, program, (...ports) => {
      const { directory, cert, key, ca, put, world } = enclosure;
      const common = {
        tls_params: { tls_minimum_protocol_version: "TLSv1_2", tls_maximum_protocol_version: "TLSv1_3" },
        tls_certificates: [{ certificate_chain: { filename: cert }, private_key: { filename: key } }],
      };
      const keys = join(directory, "tickets.key");
      writeFileSync(keys, randomBytes(80), { mode: 0o600 });
      const tickets = { session_ticket_keys: { keys: [{ filename: keys }] } };
      const pin = createHash("sha256").update(world.client.der).digest("hex");
      const given = {
        common,
        validation: { trusted_ca: { filename: ca } },
        tickets,
        pins: { verify_certificate_hash: [pin] },
      };
      const listeners = contexts.map((context, i) => {
        const chains =
          typeof context === "function"
            ? [chain(context(given), filters, manager)]
            : [
                {
                  filter_chain_match: { application_protocols: ["h2", "http/1.1"] },
                  ...chain(context.offeringHttp(given), filters, manager),
                },
                chain(context.others(given), filters, manager),
              ];
        return listener(ports[i] ?? 0, chains);
      });
      const path = put("envoy.json", JSON.stringify({ static_resources: { listeners } }));
      return ["-c", path, "--use-dynamic-base-id", "--concurrency", "1", "--log-level", "warning"];
    });
}

function listener(port: number, chains: readonly object[]): object {
  const address = { socket_address: { address: "127.0.0.1", port_value: port } };
  // without it, nothing of the ClientHello is known when the chain is chosen
  const inspector = {
    name: "envoy.filters.listener.tls_inspector",
    typed_config: { "@type": `${EXTENSIONS}.filters.listener.tls_inspector.v3.TlsInspector` },
  };
  return {
    address,
    filter_chains: chains,
    ...(chains.length === 1 ? {} : { listener_filters: [inspector] }),
  };
}

const ROUTER = {
  name: "envoy.filters.http.router",
  typed_config: { "@type": `${EXTENSIONS}.filters.http.router.v3.Router` },
};

function chain(tls: object, filters: readonly object[], more: object): object {
  const route = {
    match: { prefix: "/" },
    direct_response: { status: 200, body: { inline_string: "welcome" } },
  };
  const manager = {
    "@type": `${EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: "zoo",
    route_config: { virtual_hosts: [{ name: "all", domains: ["*"], routes: [route] }] },
    http_filters: [...filters, ROUTER],
    ...more,
  };
  return {
    filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager }],
    transport_socket: {
      name: "envoy.transport_sockets.tls",
      typed_config: { "@type": `${EXTENSIONS}.transport_sockets.tls.v3.DownstreamTlsContext`, ...tls },
    },
  };
}

const withHttp =
  (context: Context): Context =>
  (tls) =>
    context({ ...tls, common: { ...tls.common, alpn_protocols: ["h2", "http/1.1"] } });
const required: Context = ({ common, validation }) => ({
  require_client_certificate: true,
  common_tls_context: { ...common, validation_context: validation },
});
const optional: Context = ({ common, validation }) => ({
  common_tls_context: { ...common, validation_context: validation },
});
/** RBAC for clients with a certificate; WebSockets, over HTTP/2 too, go through those filters. */
const webSockets = (filters: readonly object[]) =>
  filtering([rbac(ANY_NAME)], [withHttp(optional)], {
    http2_protocol_options: { allow_connect: true },
    upgrade_configs: [{ upgrade_type: "websocket", filters: [...filters, ROUTER] }],
  });

/** With the file of tickets' keys that the other listener has too. */
const inCommon =
  (context: Context): Context =>
  (tls) => ({ ...context(tls), ...tls.tickets });

/** With its name, or without where it comes from such an address. */
const fromNetwork = (field: "remote_ip" | "direct_remote_ip") =>
  filtering([rbac(ANY_NAME, { [field]: { address_prefix: "10.0.0.0", prefix_len: 8 } })], [optional]);

export const envoys: readonly Member[] = [
  ...strict("Envoy", "https", {
    "`require_client_certificate`": envoy(required),
    "the same, beside a listener without it, tickets' keys apart": beside("port", envoy(required, optional)),
    "two filter chains, for clients that offer HTTP by ALPN and for others, both with `require_client_certificate`":
      envoy({ offeringHttp: withHttp(required), others: required }),
    "no `require_client_certificate`, and RBAC for `authenticated` principals of any name": filtering(
      [rbac(ANY_NAME)],
      [optional],
    ),
    "the same, or for a `direct_remote_ip` in 10.0.0.0/8": fromNetwork("direct_remote_ip"),
    "`require_client_certificate`, and `verify_certificate_hash` of the valid client's alone": envoy(
      ({ common, pins }) => ({
        require_client_certificate: true,
        common_tls_context: { ...common, validation_context: pins },
      }),
    ),
  }),
  ...strict("Envoy", "h2", {
    "RBAC for `authenticated` principals of any name, in the filters of `upgrade_configs` for WebSockets too":
      webSockets([rbac(ANY_NAME)]),
    "`require_client_certificate`, HTTP/2": envoy(({ common, validation }) => ({
      require_client_certificate: true,
      common_tls_context: { ...common, validation_context: validation, alpn_protocols: ["h2", "http/1.1"] },
    })),
  }),
  ...lax("Envoy", "h2", {
    "RBAC for `authenticated` principals of any name, and `filters` of `upgrade_configs` for WebSockets without it":
      [["h2c-upgrade"], webSockets([]), "alone"],
  }),
  ...lax("Envoy", "https", {
    "no `require_client_certificate`": [["no-cert"], envoy(optional)],
    "no `require_client_certificate`, and RBAC for `authenticated` principals without a name": [
      ["no-cert"],
      filtering([rbac({})], [optional]),
    ],
    "no `require_client_certificate`, and RBAC for `authenticated` principals of any name, or for a `remote_ip` in 10.0.0.0/8":
      [["header-spoof"], fromNetwork("remote_ip"), "alone"],
    "`require_client_certificate`, beside a listener without it, `session_ticket_keys` in common": [
      ["resume-cross-host"],
      beside("port", envoy(inCommon(required), inCommon(optional))),
    ],
    "`require_client_certificate` and no validation context": [
      ["no-cert", "self-signed"],
      envoy(({ common }) => ({ require_client_certificate: true, common_tls_context: common })),
    ],
    "`require_client_certificate` in the filter chain for clients that offer HTTP by ALPN, and not in the one for others":
      [["other-alpn"], envoy({ offeringHttp: withHttp(required), others: optional })],
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
