import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { scratch } from "../support/scratch.ts";

const bin = fileURLToPath(new URL("../../bin/fleetsec.js", import.meta.url));

/** The URLs of all scripts that a command line loads, as V8 lists them. */
function loadedBy(...argv: string[]): string[] {
  const directory = scratch();
  const env = { ...process.env, NODE_V8_COVERAGE: directory };
  spawnSync(process.execPath, [bin, ...argv], { cwd: directory, env, stdio: "ignore" });
  return readdirSync(directory).flatMap((name) => {
    const report = JSON.parse(readFileSync(join(directory, name), "utf8")) as { result: { url: string }[] };
    return report.result.map(({ url }) => url);
  });
}

/** Of ours, what every command needs: main.js, and in the chunks the program, what reports errors, and what joins them. */
const heavy = (url: string) =>
  /node_modules\/(?!commander\/)|\/bundle\/(?!main\.js|chunks\/(rolldown-runtime|base|program)\.js)/.test(
    url,
  );

test("help and version load no library but commander, and no domain; a command loads its own", () => {
  for (const flag of ["--help", "--version"]) {
    const loaded = loadedBy(flag);
    expect(loaded.some((url) => url.endsWith("/bundle/main.js"))).toBe(true);
    expect(loaded.filter(heavy)).toEqual([]);
  }
  expect(loadedBy("cert", "list", "--config", "/dev/null").some(heavy)).toBe(true);
});
