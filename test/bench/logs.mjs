// npm run bench:logs [-- GIGABYTES] [--year]: signing and verification of a log, beside `openssl dgst
// -sha256` and a chain of signed digests over the same batches, as CloudTrail keeps it (digest-chain.mjs);
// with --year, 105,120 batches as well, which are written without the signer. Whole processes, in rounds,
// so that a busy moment falls on all alike; medians. Memory is taken in a run of its own, the last of each
// case: what watches it is loaded by the process and by each of its threads, and would be timed with them.
// NODE_EXTRA_CA_CERTS is unset: Node parses that file whenever it starts, which is 50 ms with a system's bundle.
// Needs openssl, and three times the bytes of the log on disk, in TMPDIR: signing waits for that disk, so
// name one that nobody else writes to, or /dev/shm to leave it out.
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

// preloaded, a process reports the most memory that it held, on its way out
const watch = pathToFileURL(join(import.meta.dirname, "peak-memory.mjs")).href;

const directory = mkdtempSync(join(tmpdir(), "fleetsec-bench-"));
const at = (name) => join(directory, name);

const { NODE_EXTRA_CA_CERTS: _, ...environment } = process.env;

/** Seconds of processor time of all the processes that this one has waited for. */
function processorTime() {
  const [, , ...fields] = readFileSync("/proc/self/stat", "latin1").split(") ").at(-1).split(" ");
  // cutime and cstime, in ticks of 10 ms
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** What one process writes to stderr; it must end with one of `codes`. */
function execute(program, args, codes = [0], env = {}) {
  const node = program === "fleetsec";
  const { status, stderr } = spawnSync(node ? process.execPath : program, node ? [bin, ...args] : args, {
    cwd: directory,
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
    env: { ...environment, ...env },
    maxBuffer: 1 << 30,
  });
  if (!codes.includes(status))
    throw new Error(`${program} ${args.join(" ")} ended with ${status}: ${stderr}`);
  return stderr;
}

/** Seconds of one process, of the wall clock and of the processor. */
function run(program, args, codes) {
  const [start, before] = [performance.now(), processorTime()];
  execute(program, args, codes);
  return { seconds: (performance.now() - start) / 1000, processor: processorTime() - before };
}

/** The most memory (MB) that one process of fleetsec held. */
function peakOf(args) {
  const stderr = execute("fleetsec", args, [0], { NODE_OPTIONS: `--import=${watch}` });
  const [, peak] = /^peak-memory (\d+)$/m.exec(stderr) ?? [];
  if (peak === undefined) throw new Error(`fleetsec ${args.join(" ")} did not say how much memory it held`);
  return `${peak} MB`;
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
  // anew: a store that is signed already has nothing left to do
  for (const path of ["store", "store.signer"]) rmSync(at(path), { recursive: true });
  const rate = (bytes / 1e6 / signed.seconds).toFixed(0);
  row("logs sign", signed.seconds, `${rate} MB/s, ${peakOf(sign)}`);

  const verify = ["verify-logs", "store", "--trust", "keys/log.pub", "--state", "kept", "--allow-unanchored"];
  const batches = filesIn(at("store/fleetsec/batch"));
  const hasPython = spawnSync("python3", ["-c", "import cryptography"]).status === 0;
  if (!hasPython) console.log("no digest chain beside it: python3 has no package cryptography");
  const chain = hasPython ? writeDigestChain(at("digests"), batches) : [];
  const commands = {
    "openssl dgst -sha256": ["openssl", "dgst", "-sha256", ...batches],
    ...(hasPython ? { "digest chain as CloudTrail's (Python)": ["python3", ...chain] } : {}),
    "verify-logs, 1 thread": ["fleetsec", ...verify, "--threads", "1"],
    "verify-logs, 2 threads": ["fleetsec", ...verify, "--threads", "2"],
    "verify-logs --deep, 2 threads": ["fleetsec", ...verify, "--deep", "--threads", "2"],
  };
  const times = Object.fromEntries(Object.keys(commands).map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, [program, ...args]] of Object.entries(commands))
      times[name].push(run(program, args).seconds);
  }
  const reference = median(times["openssl dgst -sha256"]);
  for (const [name, [program, ...args]] of Object.entries(commands)) {
    const ratio = `${(median(times[name]) / reference).toFixed(2)} x`;
    row(name, median(times[name]), program === "fleetsec" ? `${ratio}, ${peakOf(args)}` : ratio);
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
        const { seconds: took, processor } = run("fleetsec", [...year, ...flags]);
        const rest = `${processor.toFixed(1)} s processor time, ${peakOf([...year, ...flags])}`;
        row(`verify-logs, ${YEAR} batches, ${threads} thread${threads === "1" ? "" : "s"}`, took, rest);
      }
    } finally {
      rmSync(memory, { recursive: true });
    }
  }
} finally {
  rmSync(directory, { recursive: true });
}
