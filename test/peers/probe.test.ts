// @module-tag long
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { attacks as battery } from "../../src/probe/attacks.ts";
import {
  ESSENTIAL,
  newWorld,
  probed,
  withOutcome,
  type World,
  FLIGHTS,
  FORGED,
  onBoth,
} from "../probe/support/probing.ts";
import { atEndOfTest } from "../support/ending.ts";
import { scratch } from "../support/scratch.ts";
import { describeWithEngines } from "./engines.ts";
import { freePorts, startProcess } from "./process.ts";
import { enclosureIn } from "./zoo/zoo.ts";

/** Real servers, strict and lax: the verdict of each, and the attacks that must find it. */

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

/** What is reported only, and what follows where no certificate is demanded. */
const IMPLIED =
  /^(no-eku|weak-key|sha1-signature|renegotiation|fragmented-hello|resume-[a-z-]+|(no|odd|unknown)-sni|header-spoof|path-tricks|second-request|authority-switch|h2c-upgrade|other-alpn|other-hello|sni-host-mismatch)@/;

/** The server's files, in a directory of the test's own. */
const serverFiles = () => enclosureIn(scratch(), world);

describeWithEngines(["nginx"], "nginx", (engines) => {
  /** One server with these directives; the port. */
  async function nginx(
    directives: string,
    location = 'return 200 "welcome to the fleet\\n";',
  ): Promise<number> {
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
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${cert}; ssl_certificate_key ${key};
    ssl_client_certificate ${ca}; ssl_verify_depth 3;
    ${directives.includes("ssl_protocols") ? "" : "ssl_protocols TLSv1.2 TLSv1.3;"} ${directives}
    location / { ${location} }
  }
}
`,
    );
    const args = ["-p", directory, "-c", "nginx.conf", "-e", join(directory, "error.log")];
    const running = await startProcess(engines.nginx.path, args, { cwd: directory, port });
    atEndOfTest(() => running.stop());
    return port;
  }

  /** One key family is listed: the others are tried on the strict server. */
  const P256 = "ssl_conf_command ClientSignatureAlgorithms ECDSA+SHA256;";

  test("ssl_verify_client on is enforced, in every key family", { timeout: 180_000 }, async () => {
    const port = await nginx("ssl_verify_client on;");
    const endpoint = await probed(world, `https://localhost:${port}/`);
    expect(endpoint.reasons).toEqual([]);
    expect(endpoint.verdict).toBe("enforced");
    expect(withOutcome(endpoint, "refused")).toEqual(
      expect.arrayContaining([...onBoth("no-cert", ...FORGED), ...FLIGHTS, "plaintext"]),
    );
    expect(endpoint.attacks.find(({ id }) => id === "expired")?.evidence).toContain(
      "(p256, p384, p521, rsa, ed25519)",
    );
  });

  test.each([
    ["optional", "ssl_verify_client optional;", undefined, onBoth("no-cert")],
    [
      "optional_no_ca",
      "ssl_verify_client optional_no_ca;",
      undefined,
      onBoth("no-cert", "self-signed", "wrong-ca", "twin-ca"),
    ],
    [
      "optional_no_ca with a check for NONE",
      "ssl_verify_client optional_no_ca;",
      'if ($ssl_client_verify = NONE) { return 403; } return 200 "welcome\\n";',
      onBoth("self-signed", "wrong-ca", "twin-ca"),
    ],
    ["no TLS 1.3", "ssl_verify_client optional; ssl_protocols TLSv1.2;", undefined, ["no-cert@1.2"]],
  ])("%s is bypassed", { timeout: 180_000 }, async (_name, directives, location, accepted) => {
    const port = await nginx(`${directives} ${P256}`, location);
    const endpoint = await probed(world, `https://localhost:${port}/`);
    expect(endpoint.verdict).toBe("bypassed");
    expect(withOutcome(endpoint, "accepted").filter((id) => !IMPLIED.test(id))).toEqual(accepted);
  });

  test.each([
    ["TLS 1.2 only", "ssl_protocols TLSv1.2;"],
    ["TLS 1.3 only", "ssl_protocols TLSv1.3;"],
  ])("%s is enforced", { timeout: 180_000 }, async (_name, directives) => {
    const port = await nginx(`ssl_verify_client on; ${directives} ${P256}`);
    const endpoint = await probed(world, `https://localhost:${port}/`);
    expect(endpoint.verdict).toBe("enforced");
    expect(withOutcome(endpoint, "accepted").filter((id) => !IMPLIED.test(id))).toEqual([]);
  });

  test("a check in the application, by the verified name, is enforced", { timeout: 180_000 }, async () => {
    const check = 'if ($ssl_client_verify != SUCCESS) { return 403; } return 200 "welcome\\n";';
    const port = await nginx(`ssl_verify_client optional_no_ca; ${P256}`, check);
    const endpoint = await probed(world, `https://localhost:${port}/`);
    expect(endpoint.verdict).toBe("enforced");
    expect(withOutcome(endpoint, "accepted").filter((id) => !IMPLIED.test(id))).toEqual([]);
  });

  test(
    "RSA-only client signatures do not hide what a forgery in RSA finds",
    { timeout: 180_000 },
    async () => {
      const rsa = "ssl_conf_command ClientSignatureAlgorithms rsa_pss_rsae_sha256:RSA+SHA256;";
      const check = 'if ($ssl_client_verify = NONE) { return 403; } return 200 "welcome\\n";';
      const lax = await nginx(`ssl_verify_client optional_no_ca; ${rsa}`, check);
      const bypassed = await probed(world, `https://localhost:${lax}/`, { attacks: ESSENTIAL });
      expect(withOutcome(bypassed, "accepted")).toEqual(onBoth("self-signed", "wrong-ca"));
      const strict = await nginx(`ssl_verify_client on; ${rsa}`);
      expect((await probed(world, `https://localhost:${strict}/`, { attacks: ESSENTIAL })).verdict).toBe(
        "enforced",
      );
    },
  );

  test(
    "error_page 495 496 =200 answers attackers with 200: a canary tells",
    { timeout: 180_000 },
    async () => {
      const trick = 'error_page 495 496 =200 /login; location = /login { return 200 "please log in\\n"; }';
      const port = await nginx(`ssl_verify_client on; ${P256} ${trick}`);
      const url = `https://localhost:${port}/`;
      expect((await probed(world, url, { attacks: ESSENTIAL })).verdict).toBe("bypassed");
      expect((await probed(world, url, { attacks: ESSENTIAL, canary: "welcome to the fleet" })).verdict).toBe(
        "enforced",
      );
    },
  );
});

describeWithEngines(["envoy"], "Envoy", (engines) => {
  async function envoy(context: (files: ReturnType<typeof serverFiles>) => object): Promise<number> {
    const files = serverFiles();
    const [port = 0] = await freePorts(1);
    const route = {
      match: { prefix: "/" },
      direct_response: { status: 200, body: { inline_string: "welcome" } },
    };
    const manager = {
      "@type":
        "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
      stat_prefix: "test",
      route_config: { virtual_hosts: [{ name: "all", domains: ["*"], routes: [route] }] },
      http_filters: [
        {
          name: "envoy.filters.http.router",
          typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
        },
      ],
    };
    const config = {
      static_resources: {
        listeners: [
          {
            address: { socket_address: { address: "127.0.0.1", port_value: port } },
            filter_chains: [
              {
                filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager }],
                transport_socket: {
                  name: "envoy.transport_sockets.tls",
                  typed_config: {
                    "@type":
                      "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                    ...context(files),
                  },
                },
              },
            ],
          },
        ],
      },
    };
    const path = files.put("envoy.json", JSON.stringify(config));
    const args = ["-c", path, "--use-dynamic-base-id", "--concurrency", "1", "--log-level", "warning"];
    const running = await startProcess(engines.envoy.path, args, { cwd: files.directory, port });
    atEndOfTest(() => running.stop());
    return port;
  }

  const common = ({ cert, key, ca }: ReturnType<typeof serverFiles>) => ({
    tls_params: { tls_minimum_protocol_version: "TLSv1_2", tls_maximum_protocol_version: "TLSv1_3" },
    tls_certificates: [{ certificate_chain: { filename: cert }, private_key: { filename: key } }],
    validation_context: { trusted_ca: { filename: ca } },
  });

  test("require_client_certificate is enforced", { timeout: 180_000 }, async () => {
    const port = await envoy((files) => ({
      require_client_certificate: true,
      common_tls_context: common(files),
    }));
    const endpoint = await probed(world, `https://localhost:${port}/`);
    expect(endpoint.reasons).toEqual([]);
    expect(endpoint.verdict).toBe("enforced");
    expect(withOutcome(endpoint, "refused")).toEqual(
      expect.arrayContaining([...onBoth("no-cert", ...FORGED), ...FLIGHTS, "plaintext"]),
    );
  });

  test("without it, clients without a certificate are served", { timeout: 180_000 }, async () => {
    const port = await envoy((files) => ({ common_tls_context: common(files) }));
    const endpoint = await probed(world, `https://localhost:${port}/`);
    expect(endpoint.verdict).toBe("bypassed");
    expect(withOutcome(endpoint, "accepted")).toEqual(expect.arrayContaining(onBoth("no-cert")));
    expect(withOutcome(endpoint, "refused")).toEqual(expect.arrayContaining(onBoth(...FORGED)));
  });

  test(
    "without a validation context nobody is asked, and everybody served",
    { timeout: 180_000 },
    async () => {
      const port = await envoy((files) => {
        const { validation_context: _dropped, ...context } = common(files);
        return { require_client_certificate: true, common_tls_context: context };
      });
      const endpoint = await probed(world, `https://localhost:${port}/`);
      expect(endpoint.verdict).toBe("bypassed");
      expect(withOutcome(endpoint, "accepted")).toEqual(
        expect.arrayContaining(onBoth("no-cert", "self-signed")),
      );
    },
  );
});

describeWithEngines(["openssl"], "openssl s_server", (engines) => {
  /** It serves one client at a time: its tests wait, beside each other. */
  async function sServer(...flags: string[]): Promise<number> {
    const { directory, cert, key, ca } = serverFiles();
    const [port = 0] = await freePorts(1);
    const chain = ["-cert", cert, "-key", key, "-cert_chain", cert, "-CAfile", ca];
    const args = ["s_server", "-accept", `127.0.0.1:${port}`, ...chain, ...flags];
    const running = await startProcess(engines.openssl.path, args, { cwd: directory, port });
    atEndOfTest(() => running.stop());
    return port;
  }
  const P256 = ["-client_sigalgs", "ECDSA+SHA256"];

  test.concurrent.each([
    ["https", "-www"],
    ["tls", "-rev"],
  ])("-Verify 1 accepts any certificate (%s)", { timeout: 180_000 }, async (scheme, mode) => {
    const port = await sServer("-Verify", "1", mode, ...P256);
    const endpoint = await probed(world, `${scheme}://localhost:${port}`);
    expect(endpoint.verdict).toBe("bypassed");
    expect(withOutcome(endpoint, "accepted")).toEqual(
      expect.arrayContaining(onBoth(...FORGED, "no-eku", "resume-after-reject")),
    );
    expect(withOutcome(endpoint, "refused")).toEqual(expect.arrayContaining(onBoth("no-cert")));
  });

  test.concurrent.each([
    ["https", "-www"],
    ["tls", "-rev"],
  ])("-verify_return_error is enforced (%s)", { timeout: 180_000 }, async (scheme, mode) => {
    const port = await sServer("-Verify", "1", "-verify_return_error", mode, ...P256);
    const endpoint = await probed(world, `${scheme}://localhost:${port}`);
    expect(endpoint.reasons).toEqual([]);
    expect(endpoint.verdict).toBe("enforced");
    expect(withOutcome(endpoint, "refused")).toEqual(expect.arrayContaining(onBoth("no-cert", ...FORGED)));
  });

  test.concurrent("-verify 1 serves clients without a certificate too", { timeout: 180_000 }, async () => {
    const port = await sServer("-verify", "1", "-verify_return_error", "-www", ...P256);
    // s_server leaves a request that is no GET unanswered, and everybody else waiting: many of those that are implied
    const others = battery.filter(({ id }) => !IMPLIED.test(`${id}@`));
    const endpoint = await probed(world, `https://localhost:${port}`, { attacks: others });
    expect(endpoint.verdict).toBe("bypassed");
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("no-cert"));
  });
});
