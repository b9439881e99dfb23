// npm run bench:issue: certificates a second with their keys, files and inventory, beside other programs; the processor
// time that each takes, which a busy machine changes less; and the most memory, for so many and for five times as many.
// FLEETSEC_BENCH_COUNT sets how many; programs that take a process for each make few of them.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const COUNT = Number(process.env.FLEETSEC_BENCH_COUNT ?? 10_000);
const FEW = 30;
const OWN = "fleetsec cert issue --from, synced";
const directory = mkdtempSync(join(tmpdir(), "fleetsec-bench-"));
const project = join(directory, "project");
const env = { ...process.env, XDG_STATE_HOME: join(directory, "state") };
const fleetsec = (...args) =>
  execFileSync(process.execPath, [here("../../bin/fleetsec.js"), ...args], {
    cwd: project,
    env,
    stdio: "pipe",
  });

/** The path of an engine, or undefined where it is not installed. */
function engine(name) {
  const { status, stdout } = spawnSync("bash", [here("../peers/install.sh"), "--print", name], {
    encoding: "utf8",
  });
  return status === 0 ? stdout.trim() : undefined;
}

const results = [];

/** Times a program that makes `count` certificates; bash tells the processor time of it and its children. */
function measure(title, count, program, args, options = {}) {
  const script = 'TIMEFORMAT="%R %U %S"; { time "$@" >/dev/null 2>&3; } 3>&2';
  const { status, stderr } = spawnSync("bash", ["-c", script, "bash", program, ...args], {
    encoding: "utf8",
    env,
    ...options,
  });
  const [wall, user, system] = stderr.trim().split("\n").at(-1).split(" ").map(Number);
  if (status !== 0) results.push({ title, reason: stderr.split("\n")[0] });
  else results.push({ title, count, rate: count / wall, cpu: ((user + system) * 1000) / count });
  const [, megabytes] = /^peak-memory (\d+)$/m.exec(stderr) ?? [];
  return Number(megabytes);
}

const watch = pathToFileURL(join(import.meta.dirname, "peak-memory.mjs")).href;

/** Issues to a fleet that is not there yet; gives the peak of memory in megabytes. */
function issueFleet(title, count) {
  const names = Array.from({ length: count }, (_, n) => `truck-${n}`);
  writeFileSync(join(project, "fleet.csv"), `name\n${names.join("\n")}\n`);
  const out = `fleet-${count}`;
  const args = ["cert", "issue", "--from", "fleet.csv", "--role", "fleet-edge", "--out", out, "--quiet"];
  return measure(title, count, process.execPath, [here("../../bin/fleetsec.js"), ...args], {
    cwd: project,
    env: { ...env, NODE_OPTIONS: `--import=${watch}` },
  });
}

try {
  mkdirSync(project);
  fleetsec("init", "--yes", "--name", "acme", "--domain", "fleet.internal", "--gateway", "nginx");
  rmSync(join(project, ".fleetsec", "ca"), { recursive: true });
  fleetsec("ca", "init", "--insecure-dev-key");
  const ca = (name) => join(project, ".fleetsec", "ca", readCurrent(), name);
  const [cert, key] = [ca("issuing-cert.pem"), ca("issuing-key.pem")];

  const go = engine("go");
  const program = join(directory, "issue");
  if (go === undefined) results.push({ title: "Go crypto/x509", reason: "not installed" });
  else {
    execFileSync(go, ["build", "-buildvcs=false", "-o", program, "."], {
      cwd: here("go/issue"),
      stdio: "pipe",
    });
    const into = (out, ...rest) => [cert, key, join(directory, out), String(COUNT), ...rest];
    measure("Go crypto/x509, 2 threads, not synced", COUNT, program, into("go"));
    measure("Go crypto/x509, 2 threads, synced", COUNT, program, into("go-synced", "sync"));
  }
  const memory = issueFleet(OWN, COUNT);
  perProcess("openssl req -x509 in a loop", engine("openssl"), (path, n) => [
    path,
    ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"],
    ["-subj", `/O=acme/CN=truck-${n}`, "-CA", cert, "-CAkey", key],
    ["-keyout", join(directory, `${n}.key`), "-out", join(directory, `${n}.pem`)],
  ]);
  perProcess("step certificate create in a loop", engine("step"), (path, n) => [
    path,
    ["certificate", "create", `truck-${n}`, join(directory, `s${n}.pem`), join(directory, `s${n}.key`)],
    ["--ca", cert, "--ca-key", key, "--no-password", "--insecure", "--not-after", "24h"],
  ]);
  perProcess("mkcert in a loop", engine("mkcert"), (path, n) => [
    path,
    [
      "-ecdsa",
      "-client",
      "-cert-file",
      join(directory, `m${n}.pem`),
      "-key-file",
      join(directory, `m${n}.key`),
    ],
    [`truck-${n}.fleet.internal`],
  ]);
  print();
  const more = 5 * COUNT;
  // to other names, in a project of its own
  rmSync(join(project, `fleet-${COUNT}`), { recursive: true });
  rmSync(join(project, ".fleetsec", "inventory.jsonl"));
  rmSync(join(project, ".fleetsec", "ca"), { recursive: true });
  fleetsec("ca", "init", "--insecure-dev-key");
  console.log(`memory: ${memory} MB for ${COUNT}, ${issueFleet("", more)} MB for ${more}`);
} finally {
  rmSync(directory, { recursive: true, force: true });
}

function perProcess(title, path, commandOf) {
  if (path === undefined) {
    results.push({ title, reason: "not installed" });
    return;
  }
  const commands = Array.from({ length: FEW }, (_, n) => commandOf(path, n).flat());
  // in a shell, which adds little of its own
  const loop = 'for ((n = 0; n < $1; n += 1)); do "${@:3 + n * $2:$2}" || exit; done';
  measure(title, FEW, "bash", ["-c", loop, "bash", FEW, commands[0].length, ...commands.flat()].map(String), {
    env: { ...env, CAROOT: directory },
  });
}

function readCurrent() {
  return (
    readFileSync(join(project, ".fleetsec", "inventory.jsonl"), "utf8").match(
      /"authority":(\d+)[^\n]*\n$/,
    )?.[1] ?? "1"
  );
}

function print() {
  const own = results.find(({ title }) => title === OWN);
  console.log(
    `certificates, ${cpus().length} processors; how much fleetsec is of each, by clock and by processor time`,
  );
  for (const { title, rate, cpu, count, reason } of results) {
    const shown =
      rate === undefined
        ? `- (${reason})`
        : `${rate.toFixed(0).padStart(6)}/s ${(own.rate / rate).toFixed(2).padStart(6)} x  ` +
          `${cpu.toFixed(2).padStart(6)} ms ${(cpu / own.cpu).toFixed(2).padStart(6)} x  (${count})`;
    console.log(`${title.padEnd(38)} ${shown}`);
  }
}
