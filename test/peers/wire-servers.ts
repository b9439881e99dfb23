import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestLeaf } from "../probe/support/certificates.ts";
import { buildServer } from "./go-mutants.ts";
import { type EngineProcess, freePorts, startProcess } from "./process.ts";

/** What a strict server is made with. */
export interface ServerFiles {
  readonly directory: string;
  /** The clients' CA. */
  readonly ca: string;
  /** One ECDSA and one RSA certificate with its key: paths. */
  readonly pairs: readonly { readonly chain: string; readonly key: string }[];
}

export interface StrictServer {
  readonly port: number;
  readonly process: EngineProcess;
}

export function serverFiles(directory: string, ca: string, leaves: readonly TestLeaf[]): ServerFiles {
  const file = (name: string, text: string) => {
    writeFileSync(join(directory, name), text, { mode: 0o600 });
    return join(directory, name);
  };
  return {
    directory,
    ca: file("ca.pem", ca),
    pairs: leaves.map(({ pem, keyPem }, i) => ({
      chain: file(`chain${i}.pem`, pem),
      key: file(`key${i}.pem`, keyPem),
    })),
  };
}

async function start(
  files: ServerFiles,
  program: string,
  argumentsFor: (port: number) => readonly string[],
): Promise<StrictServer> {
  const [port = 0] = await freePorts(1);
  const process = await startProcess(program, argumentsFor(port), { cwd: files.directory, port });
  return { port, process };
}

/** Answers with the client's name, and whether the request came as 0-RTT data. */
export function startNginx(program: string, files: ServerFiles): Promise<StrictServer> {
  return start(files, program, (port) => {
    const config = join(files.directory, "nginx.conf");
    const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
      (name) => `${name}_temp_path ${files.directory}/${name};`,
    );
    const pairs = files.pairs.map(
      ({ chain, key }) => `ssl_certificate ${chain}; ssl_certificate_key ${key};`,
    );
    writeFileSync(
      config,
      `daemon off; master_process off; pid ${files.directory}/nginx.pid; error_log stderr;
      events { worker_connections 64; }
      http { access_log off; ${paths.join(" ")}
        server {
          listen 127.0.0.1:${port} ssl;
          ${pairs.join("\n")}
          ssl_protocols TLSv1.2 TLSv1.3;
          ssl_ecdh_curve X25519:prime256v1:secp384r1:secp521r1;
          ssl_ciphers HIGH;
          ssl_verify_client on;
          ssl_client_certificate ${files.ca};
          ssl_early_data on;
          location / { return 200 "$ssl_client_s_dn $ssl_early_data\\n"; }
        }
      }`,
    );
    return ["-e", "stderr", "-p", files.directory, "-c", config];
  });
}

/** Answers with the client's name. */
export function startHaproxy(program: string, files: ServerFiles): Promise<StrictServer> {
  // a bundle: one name, and the key's kind behind it
  const bundle = join(files.directory, "server.pem");
  for (const [i, { chain, key }] of files.pairs.entries()) {
    const text = [chain, key].map((path) => readFileSync(path, "utf8")).join("");
    writeFileSync(`${bundle}.${i === 0 ? "ecdsa" : "rsa"}`, text, { mode: 0o600 });
  }
  return start(files, program, (port) => {
    const config = join(files.directory, "haproxy.cfg");
    const strict = `ssl crt ${bundle} ca-file ${files.ca} verify required ssl-min-ver TLSv1.2`;
    writeFileSync(
      config,
      `defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 60s
frontend strict
  bind 127.0.0.1:${port} ${strict} curves X25519:P-256:P-384:P-521
  http-request return status 200 content-type text/plain lf-string "CN=%[ssl_c_s_dn(cn)]"
`,
    );
    return ["-db", "-f", config];
  });
}

/** Writes what it reads, backwards. */
export function startOpenssl(program: string, files: ServerFiles): Promise<StrictServer> {
  const [first, second] = files.pairs;
  if (first === undefined || second === undefined) throw new Error("two certificates are needed");
  const keys = ["-cert", first.chain, "-key", first.key, "-dcert", second.chain, "-dkey", second.key];
  const clients = ["-CAfile", files.ca, "-Verify", "2", "-verify_return_error"];
  return start(files, program, (port) => {
    const listen = ["s_server", "-accept", `127.0.0.1:${port}`, "-rev", "-quiet"];
    return [...listen, ...keys, ...clients];
  });
}

/** Writes what it reads. */
export function startGnutls(program: string, files: ServerFiles): Promise<StrictServer> {
  const keys = files.pairs.flatMap(({ chain, key }) => ["--x509certfile", chain, "--x509keyfile", key]);
  const clients = ["--x509cafile", files.ca, "--require-client-cert", "--verify-client-cert"];
  return start(files, program, (port) => {
    const listen = ["--port", String(port), "--echo", "--quiet"];
    return [...listen, ...keys, ...clients];
  });
}

export function startEnvoy(program: string, files: ServerFiles): Promise<StrictServer> {
  return start(files, program, (port) => {
    const config = join(files.directory, "envoy.json");
    writeFileSync(config, JSON.stringify(envoyConfig(port, files)));
    return ["-c", config, "--use-dynamic-base-id", "--log-level", "error", "--concurrency", "1"];
  });
}

function envoyConfig(port: number, { ca, pairs }: ServerFiles) {
  const extension = "type.googleapis.com/envoy.extensions";
  const manager = {
    "@type": `${extension}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: "http",
    route_config: {
      virtual_hosts: [
        {
          name: "all",
          domains: ["*"],
          routes: [
            { match: { prefix: "/" }, direct_response: { status: 200, body: { inline_string: "welcome" } } },
          ],
        },
      ],
    },
    http_filters: [
      {
        name: "envoy.filters.http.router",
        typed_config: { "@type": `${extension}.filters.http.router.v3.Router` },
      },
    ],
    http_protocol_options: { accept_http_10: true },
  };
  const tls = {
    "@type": `${extension}.transport_sockets.tls.v3.DownstreamTlsContext`,
    require_client_certificate: true,
    common_tls_context: {
      tls_params: { ecdh_curves: ["X25519", "P-256", "P-384", "P-521"] },
      tls_certificates: pairs.map(({ chain, key }) => ({
        certificate_chain: { filename: chain },
        private_key: { filename: key },
      })),
      validation_context: { trusted_ca: { filename: ca } },
    },
  };
  const chain = {
    transport_socket: { name: "envoy.transport_sockets.tls", typed_config: tls },
    filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager }],
  };
  const address = { socket_address: { address: "127.0.0.1", port_value: port } };
  return { static_resources: { listeners: [{ name: "tls", address, filter_chains: [chain] }] } };
}

export async function startGo(program: string, files: ServerFiles): Promise<StrictServer> {
  const server = await buildServer(program, files.directory);
  const keys = files.pairs.flatMap(({ chain, key }) => ["-pair", `${chain},${key}`]);
  return start(files, server, (port) => {
    const listen = ["-ca", files.ca, "-listen", `127.0.0.1:${port}`];
    return [...keys, ...listen];
  });
}

export function startJava(program: string, files: ServerFiles): Promise<StrictServer> {
  const stores = files.pairs.map(({ chain, key }, i) => {
    const store = join(files.directory, `store${i}.p12`);
    const made = [
      "pkcs12",
      "-export",
      "-in",
      chain,
      "-inkey",
      key,
      "-out",
      store,
      "-passout",
      "pass:changeit",
    ];
    execFileSync("openssl", [...made, "-name", `key${i}`]);
    return store;
  });
  const [first = "", second = ""] = stores;
  const both = [
    "-srckeystore",
    second,
    "-srcstorepass",
    "changeit",
    "-destkeystore",
    first,
    "-deststorepass",
    "changeit",
  ];
  execFileSync("keytool", ["-importkeystore", ...both], { stdio: "ignore" });
  const source = fileURLToPath(new URL("java/TlsServer.java", import.meta.url));
  return start(files, program, (port) => [source, String(port), first, files.ca]);
}
