import { lax, type Member, run, strict } from "./zoo.ts";

const EXTENSIONS = "type.googleapis.com/envoy.extensions";

/** @param context of the listener's TLS, over the certificates that it is given */
function envoy(context: (tls: { common: object; validation: object }) => object): Member["start"] {
  return (program, enclosure) =>
    run(enclosure, program, (port) => {
      const { cert, key, ca, put } = enclosure;
      const common = {
        tls_params: { tls_minimum_protocol_version: "TLSv1_2", tls_maximum_protocol_version: "TLSv1_3" },
        tls_certificates: [{ certificate_chain: { filename: cert }, private_key: { filename: key } }],
      };
      const tls = context({ common, validation: { trusted_ca: { filename: ca } } });
      const path = put("envoy.json", JSON.stringify(configuration(port, tls)));
      return ["-c", path, "--use-dynamic-base-id", "--concurrency", "1", "--log-level", "warning"];
    });
}

function configuration(port: number, tls: object): object {
  const route = {
    match: { prefix: "/" },
    direct_response: { status: 200, body: { inline_string: "welcome" } },
  };
  const manager = {
    "@type": `${EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: "zoo",
    route_config: { virtual_hosts: [{ name: "all", domains: ["*"], routes: [route] }] },
    http_filters: [
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
  return { static_resources: { listeners: [{ address, filter_chains: [chain] }] } };
}

export const envoys: readonly Member[] = [
  ...strict("Envoy", "https", {
    "`require_client_certificate`": envoy(({ common, validation }) => ({
      require_client_certificate: true,
      common_tls_context: { ...common, validation_context: validation },
    })),
  }),
  ...strict("Envoy", "h2", {
    "`require_client_certificate`, HTTP/2": envoy(({ common, validation }) => ({
      require_client_certificate: true,
      common_tls_context: { ...common, validation_context: validation, alpn_protocols: ["h2", "http/1.1"] },
    })),
  }),
  ...lax("Envoy", "https", {
    "no `require_client_certificate`": [
      ["no-cert"],
      envoy(({ common, validation }) => ({
        common_tls_context: { ...common, validation_context: validation },
      })),
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
