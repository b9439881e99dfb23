// @module-tag long
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { eventOf } from "../logs/store-model.ts";
import { scratch } from "../support/scratch.ts";

const bin = new URL("../../bin/fleetsec.js", import.meta.url).pathname;

/** Runs a shell's command line where a process may have so many KiB of addresses. */
function within(limit: number, directory: string, ...argv: readonly string[]) {
  const line = `ulimit -v ${limit} && exec "$@"`;
  return spawnSync("sh", ["-c", line, "sh", process.execPath, ...argv], {
    cwd: directory,
    encoding: "utf8",
  });
}

/** One memory of WebAssembly takes 10 GB of addresses: here is room for none, and for one of three threads. */
const NONE = 8_000_000;
const ONE = 16_000_000;

const TAKE = "new WebAssembly.Memory({ initial: 1 })";
const limits =
  within(NONE, tmpdir(), "-e", "0").status === 0 && within(NONE, tmpdir(), "-e", TAKE).status !== 0;
if (!limits)
  console.warn("skipped: no limit on addresses (ulimit -v) keeps WebAssembly from its memory here");

test.skipIf(!limits)("a command that hashes little needs no room for WebAssembly", () => {
  const { status, stderr } = within(NONE, scratch(), bin, "init", "--help");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});

test.skipIf(!limits).each([NONE, ONE])("much is signed and verified on threads within %i KiB", (limit) => {
  const directory = scratch();
  const run = (...argv: readonly string[]) => {
    const { status, stderr } = within(limit, directory, bin, ...argv);
    return { status, stderr };
  };
  const fine = { status: 0, stderr: "" };
  expect(run("logs", "keygen", "--origin", "example.com/log", "--out", "keys")).toEqual(fine);
  // more than after which each thread compiles what hashes four at a time
  const lines = Array.from({ length: 60_000 }, (_, n) => `${JSON.stringify(eventOf(n))}\n`);
  writeFileSync(join(directory, "in.log"), lines.join(""));
  const threads = ["--threads", "2"];
  const from = ["--in", "in.log", "--key", "keys/log.key", "--max-records", "5000"];
  expect(run("logs", "sign", "--store", "store", ...from, ...threads)).toMatchObject({ status: 0 });
  const verify = ["verify-logs", "store", "--trust", "keys/log.pub", "--deep", "--allow-unanchored"];
  expect(run(...verify, "--state", "state", ...threads)).toMatchObject({ status: 0 });
});
