// @module-tag long
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { runCli } from "../support/cli.ts";
import { testProject, type TestProject } from "../support/project.ts";
import { describeWithEngines } from "./engines.ts";

const BIN = fileURLToPath(new URL("../../bin/fleetsec.js", import.meta.url));

/** Each shell, interactive and without anybody's settings, and how it reads a file into itself. */
const SHELLS = {
  bash: { args: ["--norc", "--noprofile", "-i"], env: { PS1: "ready> " }, setup: "" },
  zsh: { args: ["-f", "-i"], env: { PS1: "ready> " }, setup: "autoload -Uz compinit; compinit -u -D; " },
  fish: {
    args: ["--no-config", "-i"],
    env: {},
    setup: "function fish_prompt; echo 'ready> '; end; set -g fish_greeting; ",
  },
} as const;

/** What `echo` prints; in the line that it was typed on, a quote stands before the end. */
const WORDS = /begin (.*?) +end/;

const LINES = [
  ["fleetsec compl", "fleetsec completion"],
  ["fleetsec cert revoke truck-17 --reason keyC", "fleetsec cert revoke truck-17 --reason keyCompromise"],
  ["fleetsec cert renew tru", "fleetsec cert renew truck-17"],
  ["fleetsec cert issue x --role fleet", "fleetsec cert issue x --role fleet-edge"],
  ["fleetsec cert verify some-c", "fleetsec cert verify some-certificate.pem"],
  ["fleetsec scaffold envo", "fleetsec scaffold envoy"],
] as const;

for (const shell of ["bash", "zsh", "fish"] as const) {
  describeWithEngines([shell, "script"], `completion in ${shell}`, ({ [shell]: engine, script }) => {
    const home = mkdtempSync(join(tmpdir(), "fleetsec-test-"));
    afterAll(() => rmSync(home, { recursive: true, force: true }));

    async function withNames(): Promise<TestProject> {
      const project = testProject();
      await project.run(["ca", "init", "--insecure-dev-key"]);
      await project.run(["cert", "issue", "truck-17", "--role", "fleet-edge"]);
      writeFileSync(join(project.directory, "some-certificate.pem"), "");
      writeFileSync(join(home, "completion"), (await runCli(["completion", shell])).stdout);
      symlinkSync(BIN, join(home, "fleetsec"));
      return project;
    }

    /** Types into a terminal, with a TAB at the end, and gives the words that the shell then has. */
    async function completed(typed: string, { directory }: TestProject): Promise<string> {
      const { args, env, setup } = SHELLS[shell];
      const path = `${home}${delimiter}${process.env["PATH"] ?? ""}`;
      const child = spawn(script.path, ["-qec", [engine.path, ...args].join(" "), "/dev/null"], {
        cwd: directory,
        env: { ...env, PATH: path, HOME: home, TERM: "dumb" },
        stdio: ["pipe", "pipe", "inherit"],
      });
      let seen = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => (seen += text));
      const ended = new Promise((resolve) => child.on("close", resolve));
      try {
        // `echo` in place of the program shows the words; the completion still asks the program
        child.stdin.write(`${setup}source ${home}/completion; echo set"up"\n`);
        await expect.poll(() => seen, { timeout: 30_000 }).toContain("setup");
        child.stdin.write(`${typed}\t`);
        await new Promise((resolve) => setTimeout(resolve, 200));
        child.stdin.write(`\u0001echo begin \u0005 "en"d\n`);
        await expect.poll(() => seen, { timeout: 30_000 }).toMatch(WORDS);
        return WORDS.exec(seen)?.[1] ?? "";
      } finally {
        child.stdin.end("\nexit\n");
        const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
        await ended;
        clearTimeout(timer);
      }
    }

    test("offers commands, values, names and files", async () => {
      const project = await withNames();
      for (const [typed, expected] of LINES) expect(await completed(typed, project)).toBe(expected);
    }, 180_000);
  });
}
