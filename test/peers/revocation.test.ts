import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { initialConfig } from "../../src/config/initial.ts";
import { FleetsecError } from "../../src/errors.ts";
import { runCli } from "../support/cli.ts";
import { ask } from "./client.ts";
import { describeWithEngines } from "./engines.ts";
import { type EngineProcess, freePorts, startProcess } from "./process.ts";

// Envoy and HAProxy with a CRL: test/peers/scaffold.test.ts
describeWithEngines(["nginx"], "a revoked client", ({ nginx }) => {
  const directory = mkdtempSync(join(tmpdir(), "fleetsec-test-"));
  const at = (path: string) => join(directory, path);
  const controller = new AbortController();
  const run = async (...argv: string[]) => {
    const result = await runCli(argv, { cwd: directory });
    expect(result).toMatchObject({ code: 0 });
    return result;
  };
  let responder: Promise<unknown> = Promise.resolve();
  let server: EngineProcess | undefined;
  let [withCrl, withOcsp] = [0, 0];

  beforeAll(async () => {
    writeFileSync(
      at("fleetsec.yaml"),
      initialConfig({ name: "acme", domain: "fleet.internal", gateways: ["nginx"] }),
    );
    await run("ca", "init", "--insecure-dev-key");
    await run("cert", "issue", "gateway", "--role", "gateway", "--san", "dns:localhost");
    let stderr = "";
    responder = runCli(["ca", "ocsp", "--listen", "127.0.0.1:0"], {
      cwd: directory,
      signal: controller.signal,
      onStderr: (text) => (stderr += text),
    });
    await vi.waitUntil(() => stderr.includes("listening on"), 60_000);
    const ports = await freePorts(2);
    [withCrl = 0, withOcsp = 0] = ports;
    const gateway = (port: number, check: string) => `
      server {
        listen 127.0.0.1:${port} ssl;
        ssl_certificate ${at(".fleetsec/certs/gateway/current/bundle.pem")};
        ssl_certificate_key ${at(".fleetsec/certs/gateway/current/bundle.pem")};
        ssl_client_certificate ${at(".fleetsec/ca/bundle.pem")};
        ssl_verify_client on;
        ssl_verify_depth 2;
        ${check}
        location / { return 200 served; }
      }`;
    writeFileSync(
      at("nginx.conf"),
      `daemon off; pid ${at("nginx.pid")}; error_log stderr info; worker_processes 1;
      events { worker_connections 64; }
      http {
        access_log off;
        ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${at("tmp")};`).join(" ")}
        ${gateway(withCrl, `ssl_crl ${at(".fleetsec/ca/crl.pem")};`)}
        ${gateway(withOcsp, `ssl_ocsp on; ssl_ocsp_responder ${/http:\S+/.exec(stderr)?.[0]};`)}
      }`,
    );
    server = await startProcess(nginx.path, ["-p", directory, "-c", at("nginx.conf")], {
      cwd: directory,
      port: withOcsp,
    });
  }, 120_000);

  afterAll(async () => {
    await server?.stop();
    controller.abort(new FleetsecError("terminated", "terminated"));
    await responder;
    rmSync(directory, { recursive: true, force: true });
  });

  const status = async (name: string, port: number) => {
    const file = (path: string) => readFileSync(at(path), "utf8");
    const from = `.fleetsec/certs/${name}/current`;
    const client = {
      cert: file(`${from}/cert.pem`) + file(`${from}/chain.pem`),
      key: file(`${from}/key.pem`),
    };
    return ask({
      host: "127.0.0.1",
      port,
      serverName: "localhost",
      ca: file(".fleetsec/ca/bundle.pem"),
      client,
    }).then(
      (answer) => answer.status,
      () => 0,
    );
  };

  test(
    "is refused by nginx with its CRL after --exec has reloaded it, and another one is served",
    { timeout: 120_000 },
    async () => {
      for (const name of ["stolen", "honest"]) await run("cert", "issue", name, "--role", "fleet-edge");
      expect(await status("stolen", withCrl)).toBe(200);
      const reload = ["--exec", nginx.path, "-p", directory, "-c", at("nginx.conf"), "-s", "reload"];
      await run("cert", "revoke", "stolen", "--reason", "keyCompromise", ...reload);
      await expect.poll(() => status("stolen", withCrl), { timeout: 60_000 }).toBe(400);
      expect(await status("honest", withCrl)).toBe(200);
    },
  );

  test("is refused by nginx that asks the responder, without a reload", { timeout: 120_000 }, async () => {
    for (const name of ["lost", "kept"]) await run("cert", "issue", name, "--role", "fleet-edge");
    expect(await status("lost", withOcsp)).toBe(200);
    await run("cert", "revoke", "lost");
    expect(await status("lost", withOcsp)).toBe(400);
    await expect.poll(() => server?.output()).toContain("verify error: certificate revoked");
    expect(await status("kept", withOcsp)).toBe(200);
  });

  test("is not let in where the responder is gone", { timeout: 120_000 }, async () => {
    await run("cert", "issue", "late", "--role", "fleet-edge");
    expect(await status("late", withOcsp)).toBe(200);
    controller.abort(new FleetsecError("terminated", "terminated"));
    await responder;
    expect(await status("late", withOcsp)).toBe(400);
  });
});
