import { describe, expect, test } from "vitest";
import { createOutput, reportError } from "../../src/cli/output.ts";
import { type ErrorCode, exitCodeOf, FleetsecError } from "../../src/errors.ts";
import type { Platform } from "../../src/platform/platform.ts";
import { systemPlatform } from "../../src/platform/system.ts";

const system = systemPlatform(new AbortController().signal);

function terminal(isTTY: boolean, env: Record<string, string> = {}) {
  const written = { stdout: "", stderr: "" };
  const sink = (name: "stdout" | "stderr") => ({
    write: (text: string) => {
      written[name] += text;
    },
    isTTY,
    columns: 20,
  });
  const platform: Platform = {
    ...system,
    env,
    stdout: sink("stdout"),
    stderr: sink("stderr"),
  };
  return { platform, written };
}

const options = { json: false, quiet: false, verbose: false, color: true, input: true };

describe("output", () => {
  test("a result is text, or one JSON document, on stdout", () => {
    const text = terminal(false);
    createOutput(text.platform, options).result({ a: 1 }, () => "text");
    expect(text.written).toEqual({ stdout: "text\n", stderr: "" });
    const json = terminal(false);
    createOutput(json.platform, { ...options, json: true }).result({ a: 1 }, () => "text");
    expect(JSON.parse(json.written.stdout)).toEqual({ a: 1 });
  });

  test("on GitHub no line is a workflow command, and JSON stays the same document", () => {
    const hostile = "::error::x\n  ::add-mask::y\nfine :: here\nz ##[error]w";
    const job = terminal(false, { GITHUB_ACTIONS: "true" });
    const output = createOutput(job.platform, options);
    output.result({}, () => hostile);
    output.note(hostile);
    const shown = "\\u{3a}:error::x\n  \\u{3a}:add-mask::y\nfine :: here\nz #\\u{23}[error]w\n";
    expect(job.written).toEqual({ stdout: shown, stderr: shown });
    const json = terminal(false, { GITHUB_ACTIONS: "true" });
    createOutput(json.platform, { ...options, json: true }).result({ hostile }, () => "");
    expect(json.written.stdout).not.toContain("##[");
    expect(JSON.parse(json.written.stdout)).toEqual({ hostile });
    const elsewhere = terminal(false);
    createOutput(elsewhere.platform, options).note(hostile);
    expect(elsewhere.written.stderr).toBe(`${hostile}\n`);
  });

  test("notes are silent with --quiet, warnings are not", () => {
    const { platform, written } = terminal(false);
    const output = createOutput(platform, { ...options, quiet: true });
    output.note("note");
    output.warn("careful");
    expect(written).toEqual({ stdout: "", stderr: "fleetsec: warning: careful\n" });
  });

  test("progress stays on one line of a terminal, is cut to it, and makes way for a result", () => {
    const { platform, written } = terminal(true);
    const output = createOutput(platform, options);
    output.progress("x".repeat(40));
    output.note("done");
    expect(written.stderr).toBe(`${"x".repeat(19)}\r\u001b[Kdone\n`);
    const pipe = terminal(false);
    createOutput(pipe.platform, options).progress("x");
    expect(pipe.written.stderr).toBe("");
  });

  test.each([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: "1" }, false],
    [true, { NO_COLOR: "" }, true],
    [true, { TERM: "dumb" }, false],
  ])("colour: terminal %s, environment %j: %s", (isTTY, env, expected) => {
    const { platform } = terminal(isTTY, env);
    expect(createOutput(platform, options).color).toEqual({ stdout: expected, stderr: expected });
    expect(createOutput(platform, { ...options, color: false }).color.stdout).toBe(false);
  });
});

describe("reportError", () => {
  const error = new FleetsecError("config", "bad \u001b[31m", { hint: "mend it", problems: ["line 1: x"] });

  test("names the fault, each problem and the hint, and escapes what comes from outside", () => {
    const { platform, written } = terminal(false);
    reportError(platform, options, error);
    expect(written.stderr).toBe("fleetsec: error: bad \\u{1b}[31m\n  line 1: x\nhint: mend it\n");
  });

  test("as JSON on stdout with --json", () => {
    const { platform, written } = terminal(false);
    reportError(platform, { json: true, verbose: false }, error);
    expect(JSON.parse(written.stdout)).toEqual({
      schema: "fleetsec.error/v1",
      code: "config",
      message: "bad \u001b[31m",
      hint: "mend it",
      problems: ["line 1: x"],
    });
    expect(written.stderr).toBe("");
  });

  test("anything else is a bug; its stack is shown with --verbose only", () => {
    const quiet = terminal(false);
    reportError(quiet.platform, options, new RangeError("oops"));
    expect(quiet.written.stderr).toMatch(/^fleetsec: error: internal error: oops\nhint: .*\n$/);
    const verbose = terminal(false);
    reportError(verbose.platform, { json: false, verbose: true }, new RangeError("oops"));
    expect(verbose.written.stderr).toContain("output.test.ts");
    const thrown = terminal(false);
    reportError(thrown.platform, options, "a string");
    expect(thrown.written.stderr).toContain("a string");
  });
});

describe("exitCodeOf", () => {
  test.each([
    ["usage", 2],
    ["refused", 2],
    ["unreachable", 3],
    ["engine", 3],
    ["interrupted", 130],
    ["terminated", 143],
  ] satisfies [ErrorCode, number][])("%s ends with %d", (code, exit) => expect(exitCodeOf(code)).toBe(exit));
});
