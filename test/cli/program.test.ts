import { describe, expect, test } from "vitest";
import { runCli } from "../support/cli.ts";

describe("fleetsec", () => {
  test("--version prints the package's version", async () => {
    const { code, stdout } = await runCli(["--version"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test("--help lists every command on stdout", async () => {
    const { code, stdout, stderr } = await runCli(["--help"]);
    expect(code).toBe(0);
    expect(stdout).toContain("completion");
    expect(stderr).toBe("");
  });

  test("an unknown flag is a usage error, in text and in JSON", async () => {
    const text = await runCli(["--bad"]);
    expect(text.code).toBe(2);
    expect(text.stderr).toMatch(/^fleetsec: error: unknown option/);
    const json = await runCli(["--bad", "--json"]);
    expect(json.code).toBe(2);
    expect(JSON.parse(json.stdout)).toMatchObject({ schema: "fleetsec.error/v1", code: "usage" });
  });

  test("without a command it prints the help on stderr and ends with 2", async () => {
    const { code, stdout, stderr } = await runCli([]);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain("Usage: fleetsec");
    for (const argv of [["--json"], ["cert", "--json"]]) {
      const json = await runCli(argv);
      expect(json.code).toBe(2);
      expect(JSON.parse(json.stdout)).toMatchObject({ code: "usage" });
    }
  });
});
