// npm run bench:probe: the whole battery on one HTTPS endpoint and on 20, strict and lax ones of nginx and Node,
// beside sslyze on the same servers in the same run: wall time, seconds of processor time, and the connections that
// the servers counted. What is right is known: how the servers were configured.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { createServer as createHttps } from "node:https";
import { connect, createServer } from "node:net";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Worker, isMainThread, workerData } from "node:worker_threads";

if (!isMainThread) await serveNode(workerData);
else await main();

/** Node's servers, in a thread of their own. */
async function serveNode({ servers, cert, key, ca, connections }) {
  const options = {
    cert: readFileSync(cert),
    key: readFileSync(key),
    ca: readFileSync(ca),
    requestCert: true,
  };
  for (const { port, strict } of servers) {
    createHttps({ ...options, rejectUnauthorized: strict }, (_, to) => to.end("welcome"))
      .on("connection", () => Atomics.add(connections, 0, 1))
      .listen(port, "127.0.0.1");
  }
}

async function main() {
  const directory = mkdtempSync(join(tmpdir(), "fleetsec-bench-"));
  const fleetsec = fileURLToPath(new URL("../../bin/fleetsec.js", import.meta.url));
  const install = fileURLToPath(new URL("../peers/install.sh", import.meta.url));
  const engine = (name) => spawnSync("bash", [install, "--print", name], { encoding: "utf8" }).stdout.trim();
  const [nginx, sslyze] = [engine("nginx"), engine("sslyze")];
  if (nginx === "" || sslyze === "") throw new Error("needs nginx and sslyze: npm run peers -- --all");
  const [statusPort, ...ports] = await freePorts(21);
  const servers = ports.map((port, i) => ({
    port,
    kind: i < 14 ? "nginx" : "node",
    strict: ![6, 13, 19].includes(i),
  }));
  const connections = new Int32Array(new SharedArrayBuffer(4));
  let running;
  let thread;
  try {
    const run = (...args) => timed(process.execPath, [fleetsec, ...args], directory);
    await run("init", ".", "--yes");
    await run("cert", "issue", "bench", "--role", "gateway", "--san", "dns:localhost", "--out", "certs");
    writeFileSync(join(directory, "ca.pem"), (await run("ca", "bundle")).stdout);
    const files = {
      cert: join(directory, "certs/bench/current/bundle.pem"),
      key: join(directory, "certs/bench/current/key.pem"),
      ca: join(directory, "ca.pem"),
    };
    const current = join(directory, "certs/bench/current");
    writeFileSync(
      files.cert,
      readFileSync(join(current, "cert.pem"), "utf8") + readFileSync(join(current, "chain.pem"), "utf8"),
    );
    writeFileSync(join(directory, "nginx.conf"), nginxConfig(servers, files, statusPort));
    mkdirSync(join(directory, "t"));
    running = spawn(nginx, ["-p", directory, "-c", "nginx.conf", "-e", "error.log"], { stdio: "inherit" });
    thread = new Worker(new URL(import.meta.url), {
      workerData: { servers: servers.filter(({ kind }) => kind === "node"), ...files, connections },
    });
    await Promise.all([...ports, statusPort].map(listening));
    const measured = (...args) =>
      counted(
        () => accepted(statusPort, connections),
        () => timed(...args),
      );
    const probe = (...args) => measured(process.execPath, [fleetsec, "probe", "--json", ...args], directory);
    const peer = (...args) => measured(sslyze, args, directory);
    const urls = ports.map((port) => `https://localhost:${port}/`);
    const resolve = ports.flatMap((port) => ["--resolve", `localhost:${port}:127.0.0.1`]);
    console.log(`${cpus().length} processors, load ${readLoad()}`);
    const one = await probe(urls[0], ...resolve.slice(0, 2));
    const all = await probe(...urls, ...resolve);
    const peerOne = await peer("--json_out=one.json", `localhost:${ports[0]}`);
    const peerAll = await peer("--json_out=all.json", ...ports.map((port) => `localhost:${port}`));
    show("one endpoint", one, peerOne);
    show("20 endpoints", all, peerAll);
    verdicts(servers, JSON.parse(all.stdout), JSON.parse(readFileSync(join(directory, "all.json"), "utf8")));
  } finally {
    running?.kill();
    await thread?.terminate();
    rmSync(directory, { recursive: true, force: true });
  }
}

function nginxConfig(servers, { cert, key, ca }, statusPort) {
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
    http { access_log off; ${temporary.join(" ")} ${blocks.join("\n")}
      server { listen 127.0.0.1:${statusPort}; location / { stub_status; } } }`;
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
  const seconds = (value) => `${value.toFixed(1)} s`;
  for (const [name, { wall, processor, connections }] of Object.entries({ fleetsec: ours, sslyze: theirs })) {
    console.log(
      `${what.padEnd(13)} ${name.padEnd(9)} ${seconds(wall).padStart(8)}, ${seconds(processor).padStart(7)} of processor time, ${String(connections).padStart(5)} connections`,
    );
  }
  const ratio = (key) => (ours[key] / theirs[key]).toFixed(2);
  console.log(`${"".padEnd(13)} ratio     ${ratio("wall")}, ${ratio("processor")} of processor time`);
}

/** A run of a program: seconds, and its output. bash tells the processor time of its children. */
async function timed(program, args, cwd) {
  const started = performance.now();
  const script = 'TIMEFORMAT="%U %S"; time "$@"';
  const child = spawn("bash", ["-c", script, "bash", program, ...args], {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => (stdout += chunk));
  child.stderr.on("data", (chunk) => (stderr += chunk));
  const [code] = await once(child, "close");
  // 1: the probe has found the lax ones
  if (code > 1)
    throw new Error(`${program} ${args.join(" ")} ended with ${code}:\n${stderr}${stdout.slice(-2000)}`);
  const [user, system] = stderr.trim().split("\n").at(-1).split(" ").map(Number);
  return { wall: (performance.now() - started) / 1000, processor: user + system, stdout };
}

/** The same, with the connections that the servers took meanwhile. */
async function counted(count, run) {
  const before = await count();
  const result = await run();
  return { ...result, connections: (await count()) - before - 1 };
}

/** Connections that all servers have taken so far, with the one that asks for it. */
async function accepted(statusPort, ofNode) {
  const [status] = await once(get({ port: statusPort, agent: false }), "response");
  const [, ofNginx] = /^ (\d+) \d+ \d+ $/m.exec(await text(status));
  return Atomics.load(ofNode, 0) + Number(ofNginx);
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
