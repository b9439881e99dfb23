// @module-tag long
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { schemaErrors } from "../support/schema.ts";
import { scratch } from "../support/scratch.ts";

const bin = fileURLToPath(new URL("../../bin/fleetsec.js", import.meta.url));
const readme = fileURLToPath(new URL("../../README.md", import.meta.url));

function demo(...flags: string[]) {
  const directory = scratch();
  // PATH holds Node and nothing else: the demo needs no other program
  const env = { PATH: "/nonexistent", TMPDIR: directory, HOME: directory };
  const result = spawnSync(process.execPath, [bin, "demo", ...flags], {
    encoding: "utf8",
    env,
    timeout: 120_000,
  });
  return { ...result, directory };
}

interface Document {
  readonly schema: string;
  readonly ok: boolean;
  readonly steps: readonly { command: string; exitCode: number; expected: number }[];
  readonly proved: readonly string[];
}

describe("fleetsec demo", () => {
  test("every step holds on Node alone; nothing is left behind", { timeout: 180_000 }, () => {
    const { status, stdout, stderr, directory } = demo("--json");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const document = JSON.parse(stdout) as Document;
    expect(schemaErrors(document)).toEqual([]);
    expect(document.ok).toBe(true);
    expect(document.steps.filter(({ exitCode, expected }) => exitCode !== expected)).toEqual([]);
    // each kind of verdict was seen: held, found, refused, not established
    expect(new Set(document.steps.map(({ exitCode }) => exitCode))).toEqual(new Set([0, 1, 2, 3]));
    expect(readdirSync(directory)).toEqual([]);
  });

  test("the README's transcript shows the commands that the demo runs", { timeout: 180_000 }, () => {
    const { status, stdout, directory } = demo("--keep");
    expect(status).toBe(0);
    const commands = (text: string) =>
      text
        .split("\n")
        .filter((line) => /^\s*\$ /.test(line))
        .map((line) => line.trim().replace(/:\d{4,5}\b/g, ":PORT"))
        // which event came first is chance
        .map((line) => line.replace(/'\d+s\//, "'Ns/").replace(/;\d+d'/, ";Nd'"));
    const transcript = /<!-- demo: begin[^]*?-->([^]*?)<!-- demo: end -->/.exec(
      readFileSync(readme, "utf8"),
    )?.[1];
    expect(commands(transcript ?? "")).toEqual(commands(stdout));
    const [kept = ""] = readdirSync(directory);
    expect(existsSync(join(directory, kept, "audit-log", "checkpoint"))).toBe(true);
  });
});
