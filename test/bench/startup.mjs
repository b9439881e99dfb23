// npm run bench:startup: how long `fleetsec --help` takes beside `node -e 0`, as whole processes.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const bin = fileURLToPath(new URL("../../bin/fleetsec.js", import.meta.url));
const RUNS = 20;
const cases = {
  "node -e 0": ["-e", "0"],
  "fleetsec --version": [bin, "--version"],
  "fleetsec --help": [bin, "--help"],
};

/** Milliseconds that one process takes. */
function once(args) {
  const start = performance.now();
  const { status } = spawnSync(process.execPath, args, { stdio: "ignore" });
  if (status !== 0) throw new Error(`node ${args.join(" ")} ended with ${status}`);
  return performance.now() - start;
}

// interleaved, so that a busy moment of the machine falls on all alike
const times = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
for (const args of Object.values(cases)) once(args);
for (let run = 0; run < RUNS; run += 1) {
  for (const [name, args] of Object.entries(cases)) times[name].push(once(args));
}

const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
const base = median(times["node -e 0"]);
for (const [name, values] of Object.entries(times)) {
  const ms = median(values);
  console.log(
    `${name.padEnd(20)} ${ms.toFixed(1).padStart(7)} ms  ${(ms / base).toFixed(2)} x  (median of ${RUNS})`,
  );
}
