import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FleetsecError } from "../../src/errors.ts";
import { systemFiles } from "../../src/platform/system-files.ts";
import { parseXml } from "../report/support/xml.ts";
import { type CliOptions, type CliResult, runCli } from "../support/cli.ts";
import { scratch } from "../support/scratch.ts";

const EVENT = {
  timestamp: "2026-11-23T08:00:00Z",
  service: "gateway",
  event_type: "alert",
  request_id: "r-1",
};

interface Linted {
  readonly directory: string;
  readonly at: (name: string) => string;
  readonly lint: (...argv: string[]) => Promise<CliResult>;
  readonly lintWith: (options: CliOptions, ...argv: string[]) => Promise<CliResult>;
}

/** `logs lint` over one file: the cheapest command that has findings. */
function linted(...lines: string[]): Linted {
  const directory = scratch();
  writeFileSync(join(directory, "events.jsonl"), lines.map((line) => `${line}\n`).join(""));
  const lintWith = (options: CliOptions, ...argv: string[]) =>
    runCli(["logs", "lint", "--in", "events.jsonl", ...argv], { cwd: directory, env: {}, ...options });
  return {
    directory,
    at: (name) => join(directory, name),
    lintWith,
    lint: (...argv) => lintWith({}, ...argv),
  };
}

const right = () => linted(JSON.stringify(EVENT));
const wrong = () => linted(JSON.stringify(EVENT), "{");

describe("--report", () => {
  test("writes each format beside the result, and the exit code stays", async () => {
    const it = wrong();
    const formats = ["json", "junit", "sarif", "github", "html"];
    const { code, stdout, stderr } = await it.lint(
      ...formats.flatMap((one) => ["--report", `${one}=out.${one}`]),
    );
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(stdout).toContain("NOT_JSON");
    const text = (format: string) => readFileSync(it.at(`out.${format}`), "utf8");
    expect(JSON.parse(text("json"))).toMatchObject({ schema: "fleetsec.logs-lint/v1", ok: false });
    expect(parseXml(text("junit")).attributes).toMatchObject({ failures: "1", errors: "0" });
    expect(JSON.parse(text("sarif"))).toMatchObject({
      runs: [
        {
          results: [
            {
              ruleId: "NOT_JSON",
              locations: [
                {
                  physicalLocation: { artifactLocation: { uri: "events.jsonl" }, region: { startLine: 2 } },
                },
              ],
            },
          ],
        },
      ],
    });
    expect(text("github")).toMatch(
      /^::error title=fleetsec logs lint%3A NOT_JSON on line 2,file=events\.jsonl,line=2::/,
    );
    expect(text("html")).toContain("1 faults in 2 records");
    expect(readdirSync(it.directory).sort()).toEqual(
      ["events.jsonl", ...formats.map((one) => `out.${one}`)].sort(),
    );
    expect(statSync(it.at("out.html")).mode & 0o777).toBe(0o644);
  });

  test("what holds has a passed case, and no finding", async () => {
    const it = right();
    expect((await it.lint("--report", "junit=j.xml", "--report", "sarif=s.json")).code).toBe(0);
    expect(parseXml(readFileSync(it.at("j.xml"), "utf8")).attributes).toMatchObject({
      tests: "1",
      failures: "0",
      errors: "0",
    });
    expect(JSON.parse(readFileSync(it.at("s.json"), "utf8"))).toMatchObject({ runs: [{ results: [] }] });
  });

  test("- is stdout: the report alone is there, and the text goes to stderr", async () => {
    const it = wrong();
    const { code, stdout, stderr } = await it.lint("--report", "junit=-");
    expect(code).toBe(1);
    expect(parseXml(stdout).name).toBe("testsuites");
    expect(stderr).toContain("NOT_JSON");
    const quiet = await it.lint("--report", "json=-", "--quiet");
    expect(JSON.parse(quiet.stdout)).toMatchObject({ schema: "fleetsec.logs-lint/v1" });
    expect(quiet.stderr).toBe("");
  });

  test("on GitHub the summary is added to the step's", async () => {
    const it = wrong();
    writeFileSync(it.at("summary.md"), "before\n\n");
    const env = { GITHUB_STEP_SUMMARY: it.at("summary.md") };
    const { code, stdout } = await it.lintWith({ env }, "--report", "github=-");
    expect(code).toBe(1);
    expect(stdout).toMatch(/^::error /);
    expect(readFileSync(it.at("summary.md"), "utf8")).toMatch(/^before\n\n<h3>fleetsec logs lint: 1 faults/);
    await it.lintWith({ env }, "--report", "json=x.json");
    expect(readFileSync(it.at("summary.md"), "utf8").match(/<h3>/g)).toHaveLength(1);
  });

  test.each([
    [["--report", "pdf=x"], "not FORMAT=PATH"],
    [["--report", "junit"], "not FORMAT=PATH"],
    [["--report", "junit="], "not FORMAT=PATH"],
    [["--report", "constructor=x"], "not FORMAT=PATH"],
    [["--report", "html=missing/x.html"], "does not exist"],
    [["--report", "html=taken"], "is no file"],
    [["--report", "html=events.jsonl/x.html"], "is not a directory"],
    [["--report", "html=x", "--report", "junit=./x"], "same file"],
    [["--report", "html=-", "--report", "junit=-"], "only one document"],
    [["--json", "--report", "junit=-"], "only one document"],
  ])("%j is a usage error before anything runs, and writes nothing", async (argv, message) => {
    const it = wrong();
    mkdirSync(it.at("taken"));
    const { code, stdout, stderr } = await it.lint("--report", "json=first.json", ...argv);
    expect(code).toBe(2);
    expect(`${stdout}${stderr}`).toContain(message);
    expect(stdout).not.toContain("NOT_JSON");
    expect(readdirSync(it.directory).sort()).toEqual(["events.jsonl", "taken"]);
  });

  test("one that cannot be written after all is no success, and a finding stays one", async () => {
    for (const [it, expected] of [
      [right(), 3],
      [wrong(), 1],
    ] as const) {
      const files: typeof systemFiles = {
        ...systemFiles,
        write(path, ...rest) {
          if (path.endsWith("x.html")) throw new FleetsecError("io", `no space left for ${path}`);
          systemFiles.write(path, ...rest);
        },
      };
      const { code, stderr } = await it.lintWith(
        { files },
        "--report",
        "html=x.html",
        "--report",
        "json=x.json",
      );
      expect(code).toBe(expected);
      expect(stderr).toContain("the report html could not be written: no space left");
      expect(existsSync(it.at("x.json"))).toBe(true);
    }
  });
});
