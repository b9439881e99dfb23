import { existsSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runCli } from "../support/cli.ts";
import { scratch } from "../support/scratch.ts";

test("a line of 1 GB is refused by name, and nothing is written", async () => {
  const cwd = scratch();
  const keygen = ["logs", "keygen", "--origin", "example.com/log", "--out", "keys"];
  expect((await runCli(keygen, { cwd })).code).toBe(0);
  writeFileSync(join(cwd, "huge.log"), "");
  truncateSync(join(cwd, "huge.log"), 2 ** 30);
  const sign = ["logs", "sign", "--in", "huge.log", "--store", "store", "--key", "keys/log.key"];
  for (const argv of [sign, ["logs", "lint", "--in", "huge.log"]]) {
    const { code, stdout } = await runCli([...argv, "--json"], { cwd });
    expect(code).toBe(2);
    const { code: fault, message, hint } = JSON.parse(stdout) as Record<string, string>;
    expect(fault).toBe("input");
    expect(message).toContain("line 1");
    // only where it would have been signed
    expect(hint?.includes("not signed")).toBe(argv === sign);
  }
  expect(existsSync(join(cwd, "store"))).toBe(false);
});
