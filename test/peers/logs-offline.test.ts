// @module-tag long
import { spawn, spawnSync } from "node:child_process";
import { createPublicKey } from "node:crypto";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { formatVerifierKey, verifierKey } from "../../src/logs/verifier-key.ts";
import { modelKey, modelSigner, modelStore, type StoreFiles, writeStore } from "../logs/store-model.ts";
import { flip } from "../logs/verify/tamper.ts";
import { batchesOf } from "../logs/verify/verifying.ts";
import { scratch } from "../support/scratch.ts";
import { describeUnless, describeWithEngines, engine } from "./engines.ts";

const FLEETSEC = new URL("../../bin/fleetsec.js", import.meta.url).pathname;
let model: StoreFiles;
beforeAll(async () => {
  model = await modelStore(batchesOf(5, 10));
});

function workplace(store = model): string {
  const cwd = scratch();
  writeStore(join(cwd, "log"), store);
  writeFileSync(join(cwd, "log.pub"), `${formatVerifierKey(modelSigner().key)}\n`);
  cpSync(join(cwd, "log/checkpoint"), join(cwd, "published.txt"));
  return cwd;
}

describeWithEngines(["strace"], "verify-logs under strace", ({ strace }) => {
  /** Runs the built program, and gives its exit code and the system calls of that kind. */
  const traced = (cwd: string, calls: string, ...flags: string[]) =>
    new Promise<{ code: number | null; calls: string }>((resolve, reject) => {
      const argv = ["-f", "-s", "4096", "-e", `trace=${calls}`, "-o", "calls.txt"];
      const env = { ...process.env, HOME: cwd, XDG_STATE_HOME: cwd };
      const command = [process.execPath, FLEETSEC, "verify-logs", ...flags, "--trust", "log.pub"];
      const child = spawn(strace.path, [...argv, ...command], { cwd, env, stdio: "ignore" });
      child.on("error", reject);
      child.on("close", (code) => resolve({ code, calls: readFileSync(join(cwd, "calls.txt"), "utf8") }));
    });
  const NETWORK = /socket\(AF_INET6?|connect\(|sendto\(.*AF_INET/;

  test.each<[string, string[]]>([
    ["a store", ["log", "--allow-unanchored"]],
    ["with threads", ["log", "--allow-unanchored", "--threads", "3", "--deep"]],
    ["with an anchor in a file", ["log", "--anchor", "published.txt"]],
    ["a part of it", ["log", "--shard", "1/1", "--partial", "part.json"]],
    ["the merge of its parts", ["--merge", "1.json", "--allow-unanchored"]],
    ["as a tile log", ["--tlog", "log", "--allow-unanchored"]],
  ])("no connection is opened: %s", async (_, flags) => {
    const cwd = workplace();
    const part = ["log", "--shard", "1/1", "--partial", "1.json"];
    expect((await traced(cwd, "network", ...part)).code).toBe(0);
    const { code, calls } = await traced(cwd, "network", ...flags);
    expect(code).toBe(0);
    // it was traced to its end
    expect(calls).toContain("exited with 0");
    expect(calls).not.toMatch(NETWORK);
  });

  test("nor to a witness that the policy names", async () => {
    const cwd = workplace();
    const witness = formatVerifierKey(verifierKey("w", "cosignature/v1", createPublicKey(modelKey("w"))));
    const log = formatVerifierKey(modelSigner().key);
    const policy = [`log ${log}`, `witness w ${witness} http://127.0.0.1:9/`, "quorum w"];
    writeFileSync(join(cwd, "log.pub"), `${policy.join("\n")}\n`);
    const { code, calls } = await traced(cwd, "network", "log");
    expect(code).toBe(1);
    expect(calls).not.toMatch(NETWORK);
  });

  test("the control: an anchor at a URL is asked", async () => {
    const cwd = workplace();
    const server = createServer((_request, response) => response.end(model.get("checkpoint")));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const { code, calls } = await traced(cwd, "network", "log", "--anchor", `http://127.0.0.1:${port}/`);
      expect(code).toBe(0);
      expect(calls).toMatch(/connect\(\d+, \{sa_family=AF_INET, sin_port=htons\(\d+\)/);
    } finally {
      server.close();
    }
  });

  test("nothing of the store is opened for writing, removed or renamed, altered or not", async () => {
    for (const store of [model, flip(model, "fleetsec/batch/001.jsonl", 9)]) {
      const cwd = workplace(store);
      const { calls } = await traced(cwd, "%file", "log", "--deep", "--threads", "2", "--state", "kept");
      const touched = calls.split("\n").filter((line) => line.includes(`${cwd}/log/`));
      expect(touched.length).toBeGreaterThan(10);
      const written = (line: string) =>
        /O_(WRONLY|RDWR|CREAT|TRUNC|APPEND)|\b(unlink|rename|mkdir|rmdir|link|symlink|chmod|chown|truncate|utime)/.test(
          line,
        );
      expect(touched.filter(written)).toEqual([]);
    }
  });
});

/** How this user makes a file system of its own: as root, or in a user namespace. */
function mounting(): { readonly argv: readonly string[] } | { readonly lacks: string } {
  const found = engine("unshare");
  if ("missing" in found) return { lacks: `unshare: ${found.missing}` };
  for (const flags of [["-m"], ["-r", "-m"]]) {
    const argv = [found.path, ...flags];
    const trial = spawnSync(argv[0] as string, [...argv.slice(1), "mount", "-t", "tmpfs", "none", "/mnt"]);
    if (trial.status === 0) return { argv };
  }
  return { lacks: "the right to mount, as root or in a user namespace" };
}

const mount = mounting();
describeUnless("lacks" in mount ? [mount.lacks] : [], "a store on read-only media", () => {
  const [program = "", ...argv] = "argv" in mount ? mount.argv : [];
  /** Runs with the log on a file system that is mounted read-only; exit 99 where it can be written to. */
  const verify = (cwd: string, ...flags: string[]) => {
    const script = `set -e
      mkdir -p media
      mount -t tmpfs none media
      cp -R log media/
      mount -o remount,ro media
      if touch media/log/x 2>touch.txt; then exit 99; fi
      exec "$0" "$@"`;
    const command = [process.execPath, FLEETSEC, "verify-logs", ...flags, "--trust", "log.pub"];
    const env = { ...process.env, HOME: cwd, XDG_STATE_HOME: cwd };
    const run = spawnSync(program, [...argv, "sh", "-c", script, ...command], { cwd, env, encoding: "utf8" });
    expect(readFileSync(join(cwd, "touch.txt"), "utf8")).toContain("Read-only file system");
    return run;
  };

  test("verifies, and as well in parts", () => {
    const cwd = workplace();
    const whole = verify(cwd, "media/log", "--anchor", "published.txt", "--threads", "2");
    expect([whole.status, whole.stderr]).toEqual([0, ""]);
    expect(whole.stdout).toMatch(/^INTACT and anchored/);
    expect(verify(cwd, "media/log", "--shard", "1/2", "--partial", "1.json").status).toBe(0);
  });

  test("is found altered where it is", () => {
    const cwd = workplace(flip(model, "fleetsec/batch/001.jsonl", 9));
    const { status, stdout } = verify(cwd, "media/log", "--json");
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ findings: [{ code: "RECORD_ALTERED", seq: 1, line: 1 }] });
  });

  test("takes no output: a state on it is refused before any work", () => {
    const cwd = workplace();
    const { status, stdout, stderr } = verify(cwd, "media/log", "--state", "media/state");
    expect([status, stdout, stderr]).toEqual([3, "", expect.stringContaining("media/state")]);
  });
});
