// @module-tag long
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { testProject } from "../support/project.ts";
import { leaksOf, spies, watched } from "../support/spying.ts";

const SECRET = "correct-horse-battery-71f2";
const WRONG = "wrong-horse-battery-93c8";
const TOKEN = "bearer-token-5d0e";

test("a secret that a child is given is found in what is kept of it, in a core file where the kernel writes one", () => {
  const pattern = readFileSync("/proc/sys/kernel/core_pattern", "utf8").trim();
  const isPlain = !/[|/]/.test(pattern);
  const found = leaksOf(SECRET);
  expect(found).toEqual(expect.arrayContaining(["cmdline", "environ", "memory"]));
  expect(found.some((name) => name.startsWith("core"))).toBe(isPlain);
});

const given = [
  ["in the environment", (_path: string) => ({ flags: [], env: { FLEETSEC_PASSPHRASE: SECRET } })],
  ["in a file", (path: string) => ({ flags: ["--passphrase-file", path], env: {} })],
] as const;

test.each(given)("the passphrase of a CA, %s, is seen by no child and left nowhere", async (_how, give) => {
  const project = testProject();
  const spying = spies();
  const { file, run, leaks } = watched(project, spying);
  const { flags, env } = give(file("passphrase", SECRET));
  const hook = ["--exec", spying.program("reload"), "now"];
  // what a program says that failed is told
  const tells = ["/bin/sh", "-c", "tr '\\0' '\\n' </proc/$$/environ >&2; exit 1"];
  const failing = ["--exec", spying.program("fails", tells)];
  const audit = ["--audit", "audit.jsonl"];

  await run(["ca", "init", ...flags], env);
  writeFileSync(join(project.directory, "fleet.csv"), "name\na\nb\n");
  const fleet = ["--from", "fleet.csv", "--role", "fleet-edge", "--report", "json=report.json"];
  await run(["cert", "issue", ...fleet, ...flags], env);
  await run(["cert", "rotate", "a", "--force", ...flags, ...audit, ...hook], env);
  await run(["cert", "rotate", "b", "--force", ...flags, ...audit, ...failing], env, 1);
  await run(["cert", "revoke", "a", ...flags, ...failing], env, 3);
  await run(["--verbose", "ca", "crl", ...flags], env);
  expect(spying.count()).toBe(3);
  expect(leaks(SECRET)).toEqual([]);
  expect(readFileSync(join(project.directory, "audit.jsonl"), "utf8")).toContain("hook-failed");

  // the controls: what is given to a hook is found, and so is what it has of our environment
  await run(["cert", "rotate", "b", "--force", ...flags, ...audit, ...hook, SECRET], env);
  expect(leaks(SECRET)).toEqual(expect.arrayContaining(["cmdline", "memory", "parent-cmdline"]));
  expect(leaks(process.env["PATH"] ?? "")).toEqual(expect.arrayContaining(["environ", "memory"]));
});

test("a wrong passphrase is repeated in no error", async () => {
  const project = testProject();
  const { file, run, leaks } = watched(project, spies());
  await run(["ca", "init", "--passphrase-file", file("passphrase", SECRET)], {});
  const issue = ["cert", "issue", "a", "--role", "fleet-edge"];
  await run(["--verbose", ...issue, "--passphrase-file", file("wrong", WRONG)], {}, 2);
  await run(["--json", ...issue], { FLEETSEC_PASSPHRASE: WRONG }, 2);
  expect([leaks(WRONG), leaks(SECRET)]).toEqual([[], []]);
});

test("the passphrase of a log's key is seen by no signer and by no git", async () => {
  const project = testProject();
  const spying = spies();
  const { file, run, leaks } = watched(project, spying);
  const env = { FLEETSEC_PASSPHRASE: SECRET };
  await run(["logs", "keygen", "--encrypt", "--out", "keys"], env);
  await run(["logs", "keygen", "--type", "p256", "--out", "other"], env);
  const at = (name: string) => join(project.directory, name);
  const key = readFileSync(at("other/audit.key"), "utf8");
  const pem = file("signer.pem", key.slice(key.indexOf("-----")));
  const openssl = ["openssl", "pkeyutl", "-sign", "-rawin", "-digest", "sha256", "-inkey", pem];
  const signer = ["--signer-pub", "other/audit.pub", "--signer-cmd", spying.program("signer", openssl)];

  writeFileSync(at("a.log"), '{"event":1}\n');
  await run(["logs", "sign", "--in", "a.log", "--store", "log", "--key", "keys/audit.key", ...signer], env);
  expect(spying.count()).toBe(1);
  const git = execFileSync("sh", ["-c", "command -v git"], { encoding: "utf8" }).trim();
  const environment = { ...env, FLEETSEC_ANCHOR_TOKEN: TOKEN, PATH: inFront(spying.program("git", [git])) };
  execFileSync(git, ["init", "-q", "--bare", at("anchors.git")]);
  await run(
    ["logs", "anchor", "--store", "log", "--trust", "keys/audit.pub", "--to", "git:anchors.git#main"],
    environment,
  );
  expect(spying.count()).toBeGreaterThan(1);
  expect([leaks(SECRET), leaks(TOKEN)]).toEqual([[], []]);
});

test("the passphrase of a CA is seen by no engine that scaffold --check runs", async () => {
  const project = testProject();
  const spying = spies();
  const { run, leaks } = watched(project, spying);
  const env = { FLEETSEC_PASSPHRASE: SECRET };
  await run(["ca", "init"], env);
  await run(["cert", "issue", "gateway", "--role", "gateway"], env);
  await run(["scaffold", "nginx", "--check"], { ...env, PATH: inFront(spying.program("nginx")) });
  expect(spying.count()).toBeGreaterThan(0);
  expect(leaks(SECRET)).toEqual([]);
});

function inFront(program: string): string {
  return `${dirname(program)}:${process.env["PATH"] ?? ""}`;
}
