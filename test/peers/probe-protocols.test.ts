// @module-tag long
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { attackNamed } from "../../src/probe/attacks.ts";
import { grpcServer } from "../probe/support/grpc.ts";
import { FORGED, newWorld, onBoth, probed, withOutcome, type World } from "../probe/support/probing.ts";
import { scratch } from "../support/scratch.ts";
import { describeWithEngines } from "./engines.ts";
import { freePorts, startProcess } from "./process.ts";
import { enclosureIn } from "./zoo/zoo.ts";

/** Protocols other than HTTP/1.1, spoken by real servers, strict and lax. */

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const attacks = ["no-cert", "self-signed", "wrong-ca", "expired"].map(attackNamed);
const LONG = { timeout: 180_000 };

const serverFiles = () => enclosureIn(scratch(), world);

describeWithEngines(["mosquitto"], "mosquitto", (engines) => {
  async function mosquitto(...lines: string[]): Promise<number> {
    const { directory, put, cert, key, ca } = serverFiles();
    const [port = 0] = await freePorts(1);
    // it gives up root's rights for those of a user who could not read the key
    const config = put(
      "mosquitto.conf",
      [
        `listener ${port} 127.0.0.1`,
        `cafile ${ca}`,
        `certfile ${cert}`,
        `keyfile ${key}`,
        "user root",
        ...lines,
      ].join("\n"),
    );
    const running = await startProcess(engines.mosquitto.path, ["-c", config], { cwd: directory, port });
    onTestFinished(() => running.stop());
    return port;
  }

  test("require_certificate is enforced", LONG, async () => {
    const port = await mosquitto("require_certificate true", "allow_anonymous true");
    const endpoint = await probed(world, `mqtts://localhost:${port}`, {
      attacks: ["no-cert", ...FORGED].map(attackNamed),
    });
    expect(endpoint.reasons).toEqual([]);
    expect(endpoint.verdict).toBe("enforced");
    expect(endpoint.control[0]?.evidence).toBe("MQTT accepted");
    expect(withOutcome(endpoint, "refused")).toEqual(onBoth("no-cert", ...FORGED));
  });

  test("use_identity_as_username is enforced", LONG, async () => {
    const port = await mosquitto(
      "require_certificate true",
      "use_identity_as_username true",
      "allow_anonymous false",
    );
    expect((await probed(world, `mqtts://localhost:${port}`, { attacks })).verdict).toBe("enforced");
  });

  test("without it, everybody is served", LONG, async () => {
    const port = await mosquitto("allow_anonymous true");
    const endpoint = await probed(world, `mqtts://localhost:${port}`, { attacks });
    expect(withOutcome(endpoint, "accepted")).toEqual(
      onBoth("no-cert", "self-signed", "wrong-ca", "expired"),
    );
  });

  test("a password is no certificate", LONG, async () => {
    const port = await mosquitto("allow_anonymous false");
    const endpoint = await probed(world, `mqtts://localhost:${port}`, { attacks });
    expect(endpoint.control[0]?.evidence).toBe("MQTT not authorized");
    expect(endpoint.verdict).toBe("bypassed");
  });
});

describeWithEngines(["nginx"], "nginx over HTTP/2", (engines) => {
  async function nginx(verify: string): Promise<number> {
    const { directory, put, cert, key, ca } = serverFiles();
    const [port = 0] = await freePorts(1);
    mkdirSync(join(directory, "t"));
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
      (name) => `${name}_temp_path t/${name};`,
    );
    put(
      "nginx.conf",
      `daemon off; worker_processes 1; pid nginx.pid; error_log error.log;
events {}
http {
  access_log off; ${temporary.join(" ")}
  server {
    listen 127.0.0.1:${port} ssl http2; ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate ${cert}; ssl_certificate_key ${key}; ssl_client_certificate ${ca}; ssl_verify_depth 3;
    ssl_verify_client ${verify}; ssl_conf_command ClientSignatureAlgorithms ECDSA+SHA256;
    location / { return 200 "welcome"; }
  }
}
`,
    );
    const args = ["-p", directory, "-c", "nginx.conf", "-e", join(directory, "error.log")];
    const running = await startProcess(engines.nginx.path, args, { cwd: directory, port });
    onTestFinished(() => running.stop());
    return port;
  }

  test("ssl_verify_client on is enforced", LONG, async () => {
    const endpoint = await probed(world, `h2://localhost:${await nginx("on")}/`);
    expect(endpoint.reasons).toEqual([]);
    expect(endpoint.verdict).toBe("enforced");
    expect(endpoint.attacks[0]).toMatchObject({ layer: "http", evidence: "HTTP 400; the control: HTTP 200" });
  });

  test("optional is bypassed", LONG, async () => {
    const endpoint = await probed(world, `h2://localhost:${await nginx("optional")}/`, { attacks });
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("no-cert"));
  });
});

describeWithEngines(["envoy"], "Envoy before a gRPC service", (engines) => {
  async function envoy(demands: boolean): Promise<number> {
    const { directory, put, cert, key, ca } = serverFiles();
    const upstream = await grpcServer(undefined);
    const [port = 0] = await freePorts(1);
    const type = (name: string) => `type.googleapis.com/envoy.extensions.${name}`;
    const manager = {
      "@type": type("filters.network.http_connection_manager.v3.HttpConnectionManager"),
      stat_prefix: "test",
      codec_type: "HTTP2",
      route_config: {
        virtual_hosts: [
          {
            name: "all",
            domains: ["*"],
            routes: [{ match: { prefix: "/" }, route: { cluster: "service" } }],
          },
        ],
      },
      http_filters: [
        {
          name: "envoy.filters.http.router",
          typed_config: { "@type": type("filters.http.router.v3.Router") },
        },
      ],
    };
    const tls = {
      "@type": type("transport_sockets.tls.v3.DownstreamTlsContext"),
      require_client_certificate: demands,
      common_tls_context: {
        alpn_protocols: ["h2"],
        tls_params: { tls_maximum_protocol_version: "TLSv1_3" },
        tls_certificates: [{ certificate_chain: { filename: cert }, private_key: { filename: key } }],
        validation_context: { trusted_ca: { filename: ca } },
      },
    };
    const address = (value: number) => ({ socket_address: { address: "127.0.0.1", port_value: value } });
    const config = {
      static_resources: {
        listeners: [
          {
            address: address(port),
            filter_chains: [
              {
                filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager }],
                transport_socket: { name: "envoy.transport_sockets.tls", typed_config: tls },
              },
            ],
          },
        ],
        clusters: [
          {
            name: "service",
            typed_extension_protocol_options: {
              "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": type("upstreams.http.v3.HttpProtocolOptions"),
                explicit_http_config: { http2_protocol_options: {} },
              },
            },
            load_assignment: {
              cluster_name: "service",
              endpoints: [{ lb_endpoints: [{ endpoint: { address: address(upstream) } }] }],
            },
          },
        ],
      },
    };
    const path = put("envoy.json", JSON.stringify(config));
    const args = ["-c", path, "--use-dynamic-base-id", "--concurrency", "1", "--log-level", "warning"];
    const running = await startProcess(engines.envoy.path, args, { cwd: directory, port });
    onTestFinished(() => running.stop());
    return port;
  }

  test("require_client_certificate is enforced", LONG, async () => {
    const endpoint = await probed(world, `grpcs://localhost:${await envoy(true)}`, { attacks });
    expect(endpoint.control[0]?.evidence).toBe("gRPC OK");
    expect(endpoint.reasons).toEqual([]);
    expect(endpoint.verdict).toBe("enforced");
  });

  test("without it, clients without a certificate are served", LONG, async () => {
    const endpoint = await probed(world, `grpcs://localhost:${await envoy(false)}`, { attacks });
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("no-cert"));
  });
});
