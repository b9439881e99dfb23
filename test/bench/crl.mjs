// npm run bench:crl: a CRL of 100,000 entries built and parsed, beside `openssl ca -gencrl`, `openssl crl` and Go's
// crypto/x509, and one revocation with 100,000 certificates in the inventory. FLEETSEC_BENCH_COUNT sets how many.
// Each by the processor time that it took, and by the clock; of ours without Node's start and loading modules, of
// the others as whole processes. Medians.
import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openAuthority } from "../../dist/pki/authority.js";
import { buildCrl } from "../../dist/pki/crl.js";
import { openInventory } from "../../dist/pki/inventory.js";
import { encodePem } from "../../dist/pki/pem.js";
import { revoke } from "../../dist/pki/revoke.js";
import { parseCrl } from "../../dist/pki/verify/crl.js";
import { isoTime } from "../../dist/pki/verify/time.js";
import { systemPlatform } from "../../dist/platform/system.js";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const COUNT = Number(process.env.FLEETSEC_BENCH_COUNT ?? 100_000);
const RUNS = 5;
const DAY = 86_400_000;
const directory = mkdtempSync(join(tmpdir(), "fleetsec-bench-"));
const at = (path) => join(directory, path);
const env = { ...process.env, XDG_STATE_HOME: at("user-state") };
const fleetsec = (...args) =>
  execFileSync(process.execPath, [here("../../bin/fleetsec.js"), ...args], {
    cwd: directory,
    env,
    stdio: "pipe",
  });
const platform = systemPlatform(new AbortController().signal);
const now = Date.now();

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/** Medians of processor time and of time, in milliseconds. @param cpu gives `user` and `system` so far, in microseconds */
async function measure(run, cpu = () => process.cpuUsage()) {
  const runs = [];
  for (let n = 0; n < RUNS; n += 1) {
    const [before, start] = [cpu(), performance.now()];
    await run(n);
    const [after, end] = [cpu(), performance.now()];
    runs.push({ cpu: (after.user - before.user + after.system - before.system) / 1000, wall: end - start });
  }
  return { cpu: median(runs.map((one) => one.cpu)), wall: median(runs.map((one) => one.wall)) };
}

/** The same of a program; bash's `times` says what its children took. */
function measureProgram(program, args) {
  const runs = Array.from({ length: RUNS }, () => {
    const script = 'TIMEFORMAT="%R %U %S"; { time "$@" >/dev/null 2>&3; } 3>&2';
    const { status, stderr } = spawnSync("bash", ["-c", script, "bash", program, ...args], {
      encoding: "utf8",
    });
    const [wall, user, system] = stderr.trim().split("\n").at(-1).split(" ").map(Number);
    if (status !== 0 || Number.isNaN(system)) throw new Error(`${program} ended with ${status}: ${stderr}`);
    return { cpu: (user + system) * 1000, wall: wall * 1000 };
  });
  return { cpu: median(runs.map((one) => one.cpu)), wall: median(runs.map((one) => one.wall)) };
}

/** @param own what of ours takes so many times the processor time */
function row(title, { cpu, wall }, own) {
  const ratio = own === undefined ? "" : `  fleetsec takes ${(own.cpu / cpu).toFixed(2)} x`;
  console.log(
    `${title.padEnd(44)} ${cpu.toFixed(0).padStart(6)} ms  ${wall.toFixed(0).padStart(6)} ms${ratio}`,
  );
}

function engine(name) {
  const { status, stdout } = spawnSync("bash", [here("../peers/install.sh"), "--print", name], {
    encoding: "utf8",
  });
  return status === 0 ? stdout.trim() : undefined;
}

function randomSerial() {
  const bytes = randomBytes(20);
  bytes[0] = (bytes[0] & 0x3f) | 0x40;
  return bytes;
}

/** Puts `count` certificates on record that nobody holds, as a fleet's issuance does. */
function fillInventory(path, authority, count) {
  const inventory = openInventory(platform.files, path);
  for (let done = 0; done < count; done += 512) {
    inventory.append(
      Array.from({ length: Math.min(512, count - done) }, (_, n) => {
        const name = `truck-${done + n}`;
        return {
          op: "issue",
          at: isoTime(now),
          name,
          serial: randomSerial().toString("hex").toUpperCase(),
          sha256: randomBytes(32).toString("hex"),
          role: "fleet-edge",
          notBefore: isoTime(now),
          notAfter: isoTime(now + DAY),
          ttl: DAY / 1000,
          sans: [`dns:${name}.fleet.internal`, `uri:spiffe://fleet.internal/fleet-edge/${name}`],
          keyType: "p256",
          authority,
          files: { directory: `certs/${name}`, generation: 1 },
        };
      }),
    );
  }
}

/** The same entries as a database of `openssl ca`, with what it needs beside. @returns its arguments */
function opensslCa(revoked, cert, key) {
  const date = (ms) => `${new Date(ms).toISOString().slice(2, 19).replaceAll(/[-:T]/g, "")}Z`;
  const lines = revoked.map(
    ({ serial, revokedAt }) =>
      `R\t${date(now + DAY)}\t${date(revokedAt)},superseded\t${serial.toString("hex").toUpperCase()}\tunknown\t/CN=a\n`,
  );
  writeFileSync(at("index.txt"), lines.join(""));
  writeFileSync(at("crlnumber"), "01\n");
  const section = `database = ${at("index.txt")}\ncrlnumber = ${at("crlnumber")}\ndefault_md = sha256\n`;
  writeFileSync(
    at("openssl.cnf"),
    `[ca]\ndefault_ca = here\n[here]\n${section}crl_extensions = crl\n[crl]\nauthorityKeyIdentifier = keyid\n`,
  );
  const files = ["-config", at("openssl.cnf"), "-cert", cert, "-keyfile", key];
  return ["ca", "-gencrl", ...files, "-crldays", "1", "-out", at("openssl.crl")];
}

try {
  fleetsec("init", "--yes", "--name", "acme", "--domain", "fleet.internal", "--gateway", "nginx");
  rmSync(at(".fleetsec/ca"), { recursive: true });
  fleetsec("ca", "init", "--insecure-dev-key");
  const state = at(".fleetsec");
  const open = () => openAuthority(platform.files, state, () => Promise.reject(new Error("encrypted")));
  const { current } = open();
  const signer = await open().signer();
  const [cert, key] = ["issuing-cert.pem", "issuing-key.pem"].map((name) =>
    join(state, "ca", String(current.number), name),
  );

  console.log(`${COUNT} entries, ${cpus().length} processors${" ".repeat(22)}processor    clock`);
  const revoked = Array.from({ length: COUNT }, () => {
    return { serial: randomSerial(), revokedAt: now, reason: "superseded" };
  });
  const spec = { issuer: current.issuer, number: 1, thisUpdate: now, nextUpdate: now + DAY, revoked };
  let der;
  const built = await measure(async () => {
    der = await buildCrl(spec, signer);
    writeFileSync(at("fleetsec.crl"), encodePem("X509 CRL", der));
  });
  const parsed = await measure(() => {
    if (parseCrl(der, "the CRL").revoked.size !== COUNT) throw new Error("not every entry was read");
  });
  const openssl = engine("openssl") ?? "openssl";
  const opensslBuilt = measureProgram(openssl, opensslCa(revoked, cert, key));
  const opensslParsed = measureProgram(openssl, ["crl", "-in", at("fleetsec.crl"), "-noout", "-crlnumber"]);
  row("fleetsec builds a CRL", built);
  row("openssl ca -gencrl", opensslBuilt, built);
  row("fleetsec parses it", parsed);
  row("openssl crl -noout", opensslParsed, parsed);
  const go = engine("go");
  if (go === undefined) console.log("Go crypto/x509: not installed");
  else {
    execFileSync(go, ["build", "-buildvcs=false", "-o", at("crl"), "."], {
      cwd: here("go/crl"),
      stdio: "pipe",
    });
    writeFileSync(at("serials"), revoked.map(({ serial }) => `${serial.toString("hex")}\n`).join(""));
    row(
      "Go CreateRevocationList",
      measureProgram(at("crl"), ["build", cert, key, at("serials"), at("go.crl")]),
      built,
    );
    row("Go ParseRevocationList", measureProgram(at("crl"), ["parse", at("fleetsec.crl")]), parsed);
  }

  mkdirSync(at("certs"), { recursive: true });
  fillInventory(join(state, "inventory.jsonl"), current.number, COUNT);
  console.log(`\none revocation with ${COUNT} certificates on record`);
  const settings = { crlTtl: DAY / 1000, organization: "acme", trustDomain: "fleet.internal" };
  row("opening the CA and its inventory", await measure(() => void open()));
  row(
    "that, revoking, and publishing the CRL",
    await measure((n) => revoke(platform, open(), settings, { target: `truck-${n}`, reason: "superseded" })),
  );
  const program = (...args) => [here("../../bin/fleetsec.js"), "--config", at("fleetsec.yaml"), ...args];
  const started = measureProgram(process.execPath, program("ca", "show"));
  const whole = measureProgram(process.execPath, program("cert", "revoke", `truck-${COUNT - 1}`));
  row("fleetsec ca show, whole process", started);
  row("fleetsec cert revoke, whole process", whole);
  const published = readFileSync(join(state, "ca", String(current.number), "issuing-crl.pem"), "utf8");
  const { revoked: listed } = parseCrl(Buffer.from(published.split("-----")[2], "base64"), "the CRL");
  if (listed.size !== RUNS + 1) throw new Error(`${listed.size} certificates are on the CRL`);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
