// npm run bench:issue: certificates a second with their keys, files and inventory, beside other programs.
// FLEETSEC_BENCH_COUNT sets how many; programs that take a process for each make few of them.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const COUNT = Number(process.env.FLEETSEC_BENCH_COUNT ?? 10_000);
const FEW = 30;
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

/** Times what makes `count` certificates. */
function measure(title, count, run) {
  const start = performance.now();
  try {
    run();
  } catch (error) {
    results.push({ title, reason: String(error.message).split("\n")[0] });
    return;
  }
  results.push({ title, rate: count / ((performance.now() - start) / 1000), count });
}

try {
  mkdirSync(project);
  fleetsec("init", "--yes", "--name", "acme", "--domain", "fleet.internal", "--gateway", "nginx");
  rmSync(join(project, ".fleetsec", "ca"), { recursive: true });
  fleetsec("ca", "init", "--insecure-dev-key");
  const ca = (name) => join(project, ".fleetsec", "ca", readCurrent(), name);
  const [cert, key] = [ca("issuing-cert.pem"), ca("issuing-key.pem")];
  const names = Array.from({ length: COUNT }, (_, n) => `truck-${n}`);
  writeFileSync(join(project, "fleet.csv"), `name\n${names.join("\n")}\n`);

  const go = engine("go");
  const program = join(directory, "issue");
  if (go === undefined) results.push({ title: "Go crypto/x509", reason: "not installed" });
  else {
    execFileSync(go, ["build", "-buildvcs=false", "-o", program, "."], {
      cwd: here("go/issue"),
      stdio: "pipe",
    });
    measure("Go crypto/x509, 2 threads, not synced", COUNT, () =>
      execFileSync(program, [cert, key, join(directory, "go"), String(COUNT)]),
    );
    measure("Go crypto/x509, 2 threads, synced", COUNT, () =>
      execFileSync(program, [cert, key, join(directory, "go-synced"), String(COUNT), "sync"]),
    );
  }
  measure("fleetsec cert issue --from, synced", COUNT, () =>
    fleetsec("cert", "issue", "--from", "fleet.csv", "--role", "fleet-edge", "--out", "fleet", "--quiet"),
  );
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
} finally {
  rmSync(directory, { recursive: true, force: true });
}

function perProcess(title, path, commandOf) {
  if (path === undefined) {
    results.push({ title, reason: "not installed" });
    return;
  }
  measure(title, FEW, () => {
    for (let n = 0; n < FEW; n += 1) {
      const [program, ...args] = commandOf(path, n);
      execFileSync(program, args.flat(), { stdio: "pipe", env: { ...env, CAROOT: directory } });
    }
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
  const own = results.find(({ title }) => title.startsWith("fleetsec"))?.rate;
  console.log(`certificates a second, ${cpus().length} processors`);
  for (const { title, rate, count, reason } of results) {
    const shown =
      rate === undefined
        ? `- (${reason})`
        : `${rate.toFixed(0).padStart(7)}/s  fleetsec is ${(own / rate).toFixed(2)} x  (${count})`;
    console.log(`${title.padEnd(40)} ${shown}`);
  }
}
