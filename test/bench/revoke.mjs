// npm run bench:revoke: seconds from `fleetsec cert revoke … --exec nginx -s reload` to the refusal of the
// client by nginx, beside a run of the command alone.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const RUNS = 5;
const directory = mkdtempSync(join(tmpdir(), "fleetsec-bench-"));
const at = (path) => join(directory, path);
const env = { ...process.env, XDG_STATE_HOME: at("user-state") };
const fleetsec = (...args) =>
  execFileSync(process.execPath, [here("../../bin/fleetsec.js"), ...args], {
    cwd: directory,
    env,
    stdio: "pipe",
  });
const { status: found, stdout } = spawnSync("bash", [here("../peers/install.sh"), "--print", "nginx"], {
  encoding: "utf8",
});
if (found !== 0) throw new Error("nginx is not installed: npm run peers");
const nginx = stdout.trim();

const port = await new Promise((resolve) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port: free } = server.address();
    server.close(() => resolve(free));
  });
});

/** The status of a request as a client, or 0 where there was no answer. */
function ask(name) {
  const file = (path) => readFileSync(at(`.fleetsec/certs/${name}/current/${path}`), "utf8");
  const options = {
    port,
    host: "127.0.0.1",
    servername: "localhost",
    agent: false,
    ca: readFileSync(at(".fleetsec/ca/bundle.pem")),
    cert: file("cert.pem") + file("chain.pem"),
    key: file("key.pem"),
  };
  return new Promise((resolve) => {
    const outgoing = request(options, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    outgoing.on("error", () => resolve(0));
    outgoing.end();
  });
}

async function until(name, status) {
  while ((await ask(name)) !== status) await delay(5);
}

let server;
try {
  mkdirSync(at("tmp"));
  fleetsec("init", "--yes", "--name", "acme", "--domain", "fleet.internal", "--gateway", "nginx");
  writeFileSync(
    at("nginx.conf"),
    `daemon off; pid ${at("nginx.pid")}; error_log ${at("error.log")}; events {}
    http { access_log off; client_body_temp_path ${at("tmp")}; server {
      listen 127.0.0.1:${port} ssl;
      ssl_certificate ${at(".fleetsec/certs/gateway/current/bundle.pem")};
      ssl_certificate_key ${at(".fleetsec/certs/gateway/current/bundle.pem")};
      ssl_client_certificate ${at(".fleetsec/ca/bundle.pem")};
      ssl_verify_client on; ssl_verify_depth 2; ssl_crl ${at(".fleetsec/ca/crl.pem")};
      location / { return 200 served; } } }`,
  );
  server = spawn(nginx, ["-p", directory, "-c", at("nginx.conf")], { stdio: "ignore" });
  const [refusals, commands] = [[], []];
  for (let n = 0; n < RUNS; n += 1) {
    const name = `truck-${n}`;
    fleetsec("cert", "issue", name, "--role", "fleet-edge");
    await until(name, 200);
    const start = performance.now();
    fleetsec(
      "cert",
      "revoke",
      name,
      "--exec",
      nginx,
      "-p",
      directory,
      "-c",
      at("nginx.conf"),
      "-s",
      "reload",
    );
    commands.push(performance.now() - start);
    await until(name, 400);
    refusals.push(performance.now() - start);
  }
  const median = (values) => (values.sort((a, b) => a - b)[Math.floor(RUNS / 2)] / 1000).toFixed(2);
  console.log(`cert revoke --exec nginx -s reload   ${median(commands)} s  (median of ${RUNS})`);
  console.log(`until nginx refuses the client       ${median(refusals)} s`);
} finally {
  server?.kill();
  rmSync(directory, { recursive: true, force: true });
}
