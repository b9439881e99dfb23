// npm run bench:logs [-- GIGABYTES] [--year]: signing and verification of a log, beside `openssl dgst
// -sha256` and a chain of signed digests over the same batches, as CloudTrail keeps it (digest-chain.mjs);
// with --year, 105,120 batches as well, which are written without the signer. Whole processes, in rounds,
// so that a busy moment falls on all alike; medians. Needs openssl, and three times the bytes of the log
// on disk.
import { spawnSync } from "node:child_process";
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { writeDigestChain } from "./digest-chain.mjs";

const bin = fileURLToPath(new URL("../../bin/fleetsec.js", import.meta.url));
const gigabytes = Number(process.argv.slice(2).find((arg) => !arg.startsWith("-")) ?? "1");
const ROUNDS = 3;
const YEAR = 365 * 24 * 12;

// each process reports the most memory that it held, on its way out
const watch = pathToFileURL(join(import.meta.dirname, "peak-memory.mjs")).href;

const directory = mkdtempSync(join(tmpdir(), "fleetsec-bench-"));
const at = (name) => join(directory, name);

/** Seconds of processor time of all the processes that this one has waited for. */
function processorTime() {
  const [, , ...fields] = readFileSync("/proc/self/stat", "latin1").split(") ").at(-1).split(" ");
  // cutime and cstime, in ticks of 10 ms
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Seconds, of the wall clock and of the processor, and peak memory (MB) of one process, which must end with one of `codes`. */
function run(program, args, codes = [0]) {
  const node = program === "fleetsec";
  const [start, before] = [performance.now(), processorTime()];
  const { status, stderr } = spawnSync(node ? process.execPath : program, node ? [bin, ...args] : args, {
    cwd: directory,
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
    env: { ...process.env, ...(node ? { NODE_OPTIONS: `--import=${watch}` } : {}) },
    maxBuffer: 1 << 30,
  });
  const seconds = (performance.now() - start) / 1000;
  if (!codes.includes(status))
    throw new Error(`${program} ${args.join(" ")} ended with ${status}: ${stderr}`);
  const [, peak] = /^peak-memory (\d+)$/m.exec(stderr) ?? [];
  return { seconds, processor: processorTime() - before, megabytes: Number(peak ?? "NaN") };
}

function writeEvents(path, bytes, padding) {
  const file = openSync(path, "w");
  let [records, written] = [0, 0];
  while (written < bytes) {
    const lines = [];
    for (let i = 0; i < 4000; i += 1, records += 1) {
      lines.push(
        JSON.stringify({
          timestamp: new Date(1_763_850_000_000 + records).toISOString(),
          service: "gateway",
          event_type: "authorization",
          request_id: `req-${String(records).padStart(12, "0")}`,
          identity: {
            subject: `spiffe://fleet.internal/vehicle/${records % 5000}`,
            roles: ["vehicle_agent"],
          },
          policy_id: "fleet.authz",
          decision: "allow",
          reason: "x".repeat(padding),
        }),
      );
    }
    written += writeSync(file, `${lines.join("\n")}\n`);
  }
  closeSync(file);
  return { records, bytes: statSync(path).size };
}

function filesIn(path) {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const row = (name, seconds, rest = "") =>
  console.log(`${name.padEnd(38)} ${seconds.toFixed(2).padStart(7)} s  ${rest}`);

try {
  run("fleetsec", ["logs", "keygen", "--origin", "bench.example/log", "--out", "keys"]);
  const { records, bytes } = writeEvents(at("events.jsonl"), gigabytes * 1e9, 60);
  console.log(`${(bytes / 1e9).toFixed(2)} GB, ${(records / 1e6).toFixed(2)} million records\n`);
  const sign = ["logs", "sign", "--in", "events.jsonl", "--store", "store", "--key", "keys/log.key"];
  const signed = run("fleetsec", sign);
  row(
    "logs sign",
    signed.seconds,
    `${(bytes / 1e6 / signed.seconds).toFixed(0)} MB/s, ${signed.megabytes} MB`,
  );

  const verify = ["verify-logs", "store", "--trust", "keys/log.pub", "--state", "kept", "--allow-unanchored"];
  const batches = filesIn(at("store/fleetsec/batch"));
  const hasPython = spawnSync("python3", ["-c", "import cryptography"]).status === 0;
  if (!hasPython) console.log("no digest chain beside it: python3 has no package cryptography");
  const chain = hasPython ? writeDigestChain(at("digests"), batches) : [];
  const cases = {
    "openssl dgst -sha256": () => run("openssl", ["dgst", "-sha256", ...batches]),
    ...(hasPython ? { "digest chain as CloudTrail's (Python)": () => run("python3", chain) } : {}),
    "verify-logs, 1 thread": () => run("fleetsec", [...verify, "--threads", "1"]),
    "verify-logs, 2 threads": () => run("fleetsec", [...verify, "--threads", "2"]),
    "verify-logs --deep, 2 threads": () => run("fleetsec", [...verify, "--deep", "--threads", "2"]),
  };
  const results = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, once] of Object.entries(cases)) results[name].push(once());
  }
  const seconds = (name) => median(results[name].map((result) => result.seconds));
  for (const [name, runs] of Object.entries(results)) {
    const ratio = `${(seconds(name) / seconds("openssl dgst -sha256")).toFixed(2)} x`;
    const peak = Math.max(...runs.map(({ megabytes }) => megabytes));
    row(name, seconds(name), Number.isNaN(peak) ? ratio : `${ratio}, ${peak} MB`);
  }
  rmSync(at("store"), { recursive: true });
  rmSync(at("events.jsonl"));

  // a proof's verification, in this process
  const proofs = await import("./proof-time.mjs");
  const perProof = await proofs.secondsPerProof();
  console.log(
    `${"one proof verified, in process".padEnd(38)} ${(1000 * perProof).toFixed(2).padStart(7)} ms`,
  );

  if (process.argv.includes("--year")) {
    const memory = mkdtempSync("/dev/shm/fleetsec-bench-");
    try {
      const { writeYear } = await import("./year-store.mjs");
      const trust = await writeYear(memory, YEAR);
      const year = ["verify-logs", join(memory, "store"), "--trust", trust];
      for (const threads of ["1", "2"]) {
        const flags = ["--state", `kept-year-${threads}`, "--allow-unanchored", "--threads", threads];
        const { seconds: took, processor, megabytes } = run("fleetsec", [...year, ...flags]);
        const rest = `${processor.toFixed(1)} s processor time, ${megabytes} MB`;
        row(`verify-logs, ${YEAR} batches, ${threads} thread${threads === "1" ? "" : "s"}`, took, rest);
      }
    } finally {
      rmSync(memory, { recursive: true });
    }
  }
} finally {
  rmSync(directory, { recursive: true });
}
