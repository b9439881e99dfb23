// @module-tag long
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { scratch } from "../support/scratch.ts";

const root = new URL("../..", import.meta.url).pathname;
const npm = (args: readonly string[], cwd: string) =>
  execFileSync("npm", args, { cwd, encoding: "utf8", stdio: "pipe" });

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string; readonly mode: number }[];
}

describe("the packed tarball", () => {
  test("holds what it needs and nothing else, and runs where it is installed", { timeout: 180_000 }, () => {
    const directory = scratch();
    // --ignore-scripts: `npm test` has built dist/ already
    const [packed] = JSON.parse(
      npm(["pack", "--json", "--ignore-scripts", "--pack-destination", directory], root),
    ) as Packed[];
    if (packed === undefined) throw new Error("npm pack said nothing");
    const tarball = join(directory, packed.filename);
    expect(statSync(tarball).size).toBeLessThan(1_000_000);
    const paths = packed.files.map(({ path }) => path);
    expect(paths).toEqual(
      expect.arrayContaining([
        "bin/fleetsec.js",
        "bin/package.json",
        "bundle/main.js",
        "bundle/worker.js",
        "bundle/package.json",
        "README.md",
        "LICENSE",
      ]),
    );
    const allowed =
      /^(bin|bundle|templates|docs\/schema)\/|^(package\.json|README\.md|LICENSE|CHANGELOG\.md|SECURITY\.md)$/;
    expect(paths.filter((path) => !allowed.test(path))).toEqual([]);
    // the Rego tests are what `scaffold opa` writes
    expect(paths.filter((path) => /^(?!templates\/).*test|\.map$/.test(path))).toEqual([]);

    const project = join(directory, "elsewhere");
    mkdirSync(project);
    writeFileSync(join(project, "package.json"), JSON.stringify({ name: "elsewhere", private: true }));
    npm(["install", "--no-audit", "--no-fund", "--prefer-offline", tarball], project);
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    expect(npm(["exec", "--no", "--", "fleetsec", "--version"], project)).toBe(`${version}\n`);
    const usage = spawnSync("npx", ["--no", "fleetsec", "--bad"], { cwd: project, encoding: "utf8" });
    expect(usage).toMatchObject({ status: 2, stdout: "" });
  });

  test("publint finds nothing", () => {
    expect(() =>
      execFileSync(join(root, "node_modules/.bin/publint"), ["--strict"], { cwd: root, stdio: "pipe" }),
    ).not.toThrow();
  });
});
