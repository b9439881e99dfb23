import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { testProject } from "../support/project.ts";
import { scratch } from "../support/scratch.ts";

const bin = fileURLToPath(new URL("../../bin/fleetsec.js", import.meta.url));

/** A shell's line, in which "$@" is fleetsec with arguments. */
function shell(script: string, cwd: string, argv: readonly string[]) {
  const { status, stdout, stderr } = spawnSync("sh", ["-c", script, "sh", process.execPath, bin, ...argv], {
    cwd,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

const COMMANDS = [
  ["--help"],
  ["--version"],
  ["--json", "cert", "list"],
  ["cert", "list"],
  ["ca", "show"],
  ["ca", "crl"],
  ["completion", "bash"],
];

async function project(): Promise<string> {
  const made = testProject();
  expect((await made.run(["ca", "init", "--insecure-dev-key"])).code).toBe(0);
  return made.directory;
}

const FULL =
  "fleetsec: error: no space left for standard output\nhint: free some space or quota, then run it again\n";

describe("where standard output is on a full disk", () => {
  test("every command says so and no more, and ends with 3", async () => {
    const cwd = await project();
    for (const argv of COMMANDS) {
      expect([argv, shell('"$@" >/dev/null', cwd, argv).status]).toEqual([argv, 0]);
      const { status, stderr } = shell('"$@" >/dev/full', cwd, argv);
      expect([argv, status, stderr.split("\n").slice(-3).join("\n")]).toEqual([argv, 3, FULL]);
      expect(stderr).not.toContain("    at ");
    }
  });

  test("nothing can be said where standard error is too, and the exit code is the same", async () => {
    const cwd = await project();
    expect(shell('"$@" >/dev/full 2>/dev/full', cwd, ["cert", "list"]).status).toBe(3);
    expect(shell('"$@" 2>/dev/full', cwd, ["cert", "list", "--no-such"]).status).toBe(3);
  });

  test("a reader that goes away is still no fault", async () => {
    const cwd = await project();
    const piped = shell('{ "$@"; echo $? >code; } | true', cwd, ["--help"]);
    expect([piped.stderr, readFileSync(join(cwd, "code"), "utf8")]).toEqual(["", "0\n"]);
  });

  test("what is cut off in the middle is not taken for whole", async ({ skip }) => {
    const mounts = spawnSync("unshare", ["-rm", "mount", "-t", "tmpfs", "none", "/mnt"], {
      encoding: "utf8",
    });
    skip(mounts.status !== 0, `no mount namespace here: ${mounts.stderr}`);
    const cwd = scratch();
    mkdirSync(join(cwd, "full"));
    const full = (before: number) =>
      `unshare -rm sh -c 'mount -t tmpfs -o size=8k none full && head -c ${before} /dev/zero >full/out &&
         { cat /dev/zero >full/rest 2>/dev/null; "$@" >>full/out; }' sh "$@"`;
    // none of it fits, and a part of it
    for (const before of [4096, 4000]) {
      const { status, stderr } = shell(full(before), cwd, ["completion", "zsh"]);
      expect([before, status, stderr]).toEqual([before, 3, FULL]);
    }
    expect(shell(full(100), cwd, ["completion", "zsh"]).status).toBe(0);
  });
});

test("a batch of a fleet that does not fit leaves nothing, and what fits is issued", async ({ skip }) => {
  const mounts = spawnSync("unshare", ["-rm", "mount", "-t", "tmpfs", "none", "/mnt"], { encoding: "utf8" });
  skip(mounts.status !== 0, `no mount namespace here: ${mounts.stderr}`);
  const cwd = await project();
  mkdirSync(join(cwd, "full"));
  const names = Array.from({ length: 40 }, (_, n) => `truck-${n}`);
  writeFileSync(join(cwd, "fleet.csv"), `name\n${names.join("\n")}\n`);
  const sized = (size: string) =>
    `unshare -rm sh -c 'mount -t tmpfs -o size=${size} none full && { "$@"; echo $? >code; ls -A full >left; }' sh "$@"`;
  const issue = ["cert", "issue", "--from", "fleet.csv", "--role", "fleet-edge", "--out", "full"];
  const left = (size: string) => {
    shell(sized(size), cwd, issue);
    return ["code", "left"].map((file) => readFileSync(join(cwd, file), "utf8").trim().split("\n").sort());
  };
  expect(left("200k")).toEqual([["3"], [""]]);
  expect(left("8m")).toEqual([["0"], names.toSorted()]);
});
