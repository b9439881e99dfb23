// npm run bench:probe: the whole battery on one HTTPS endpoint and on 20, strict and lax ones of nginx and Node,
// beside sslyze on the same servers in the same run. What is right is known: how the servers were configured.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttps } from "node:https";
import { connect, createServer } from "node:net";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Worker, isMainThread, workerData } from "node:worker_threads";

if (!isMainThread) await serveNode(workerData);
else await main();

/** Node's servers, in a thread of their own. */
async function serveNode({ servers, cert, key, ca }) {
  const options = {
    cert: readFileSync(cert),
    key: readFileSync(key),
    ca: readFileSync(ca),
    requestCert: true,
  };
  for (const { port, strict } of servers) {
    createHttps({ ...options, rejectUnauthorized: strict }, (_, to) => to.end("welcome")).listen(
      port,
      "127.0.0.1",
    );
  }
}

async function main() {
  const directory = mkdtempSync(join(tmpdir(), "fleetsec-bench-"));
  const fleetsec = fileURLToPath(new URL("../../bin/fleetsec.js", import.meta.url));
  const install = fileURLToPath(new URL("../peers/install.sh", import.meta.url));
  const engine = (name) => spawnSync("bash", [install, "--print", name], { encoding: "utf8" }).stdout.trim();
  const [nginx, sslyze] = [engine("nginx"), engine("sslyze")];
  if (nginx === "" || sslyze === "") throw new Error("needs nginx and sslyze: npm run peers -- --all");
  const ports = await freePorts(20);
  const servers = ports.map((port, i) => ({
    port,
    kind: i < 14 ? "nginx" : "node",
    strict: ![6, 13, 19].includes(i),
  }));
  let running;
  let thread;
  try {
    const run = (...args) => timed(process.execPath, [fleetsec, ...args], directory);
    await run("init", ".", "--yes");
    await run("cert", "issue", "bench", "--role", "gateway", "--san", "dns:localhost", "--out", "certs");
    writeFileSync(join(directory, "ca.pem"), (await run("ca", "bundle")).stdout);
    const files = {
      cert: join(directory, "certs/bench/current/fullchain.pem"),
      key: join(directory, "certs/bench/current/key.pem"),
      ca: join(directory, "ca.pem"),
    };
    const current = join(directory, "certs/bench/current");
    writeFileSync(
      files.cert,
      readFileSync(join(current, "cert.pem"), "utf8") + readFileSync(join(current, "chain.pem"), "utf8"),
    );
    writeFileSync(join(directory, "nginx.conf"), nginxConfig(servers, files));
    mkdirSync(join(directory, "t"));
    running = spawn(nginx, ["-p", directory, "-c", "nginx.conf", "-e", "error.log"], { stdio: "inherit" });
    thread = new Worker(new URL(import.meta.url), {
      workerData: { servers: servers.filter(({ kind }) => kind === "node"), ...files },
    });
    await Promise.all(ports.map(listening));
    const urls = ports.map((port) => `https://localhost:${port}/`);
    const resolve = ports.flatMap((port) => ["--resolve", `localhost:${port}:127.0.0.1`]);
    console.log(`${cpus().length} processors, load ${readLoad()}`);
    const one = await run("probe", "--json", urls[0], ...resolve.slice(0, 2));
    const all = await run("probe", "--json", ...urls, ...resolve);
    const peerOne = await timed(sslyze, ["--json_out=one.json", `localhost:${ports[0]}`], directory);
    const peerAll = await timed(
      sslyze,
      ["--json_out=all.json", ...ports.map((port) => `localhost:${port}`)],
      directory,
    );
    show("one endpoint", one, peerOne);
    show("20 endpoints", all, peerAll);
    verdicts(servers, JSON.parse(all.stdout), JSON.parse(readFileSync(join(directory, "all.json"), "utf8")));
  } finally {
    running?.kill();
    await thread?.terminate();
    rmSync(directory, { recursive: true, force: true });
  }
}

function nginxConfig(servers, { cert, key, ca }) {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path t/${name};`,
  );
  const blocks = servers
    .filter(({ kind }) => kind === "nginx")
    .map(
      ({ port, strict }) => `server {
      listen 127.0.0.1:${port} ssl; ssl_certificate ${cert}; ssl_certificate_key ${key};
      ssl_protocols TLSv1.2 TLSv1.3; ssl_client_certificate ${ca}; ssl_verify_depth 3;
      ssl_verify_client ${strict ? "on" : "optional_no_ca"}; location / { return 200 "welcome\\n"; } }`,
    );
  return `daemon off; worker_processes 1; pid nginx.pid; events { worker_connections 512; }
    http { access_log off; ${temporary.join(" ")} ${blocks.join("\n")} }`;
}

/** What each says of the servers, beside how they are configured. */
function verdicts(servers, { endpoints }, { server_scan_results: scans }) {
  const rights = { fleetsec: 0, sslyze: 0 };
  console.log("\nserver         configured  fleetsec      sslyze");
  for (const { port, kind, strict } of servers) {
    const ours = endpoints.find(({ target }) => target.includes(`:${port}/`)).verdict;
    const theirs = scans.find(({ server_location: at }) => at.port === port).connectivity_result
      ?.client_auth_requirement;
    if (ours === (strict ? "enforced" : "bypassed")) rights.fleetsec += 1;
    if ((theirs === "REQUIRED") === strict) rights.sslyze += 1;
    console.log(
      `${kind} ${port}`.padEnd(15),
      (strict ? "strict" : "lax").padEnd(11),
      ours.padEnd(13),
      theirs,
    );
  }
  console.log(`right:                      ${rights.fleetsec} of 20      ${rights.sslyze} of 20`);
}

function show(what, ours, theirs) {
  const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
  console.log(
    `${what.padEnd(13)} fleetsec ${seconds(ours.ms)}, sslyze ${seconds(theirs.ms)}, ratio ${(ours.ms / theirs.ms).toFixed(2)}`,
  );
}

async function timed(program, args, cwd) {
  const started = performance.now();
  const child = spawn(program, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => (stdout += chunk));
  child.stderr.on("data", (chunk) => (stderr += chunk));
  const [code] = await once(child, "close");
  // 1: the probe has found the lax ones
  if (code > 1)
    throw new Error(`${program} ${args.join(" ")} ended with ${code}:\n${stderr}${stdout.slice(-2000)}`);
  return { ms: performance.now() - started, stdout };
}

async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      return server;
    }),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

async function listening(port) {
  for (let tries = 0; tries < 500; tries += 1) {
    const connected = await new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(true)).on("error", () => resolve(false));
      socket.on("connect", () => socket.destroy());
    });
    if (connected) return;
    await delay(20);
  }
  throw new Error(`nothing listens on ${port}`);
}

function readLoad() {
  return readFileSync("/proc/loadavg", "utf8").split(" ").slice(0, 3).join(" ");
}
