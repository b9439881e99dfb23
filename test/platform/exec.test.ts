import { describe, expect, test } from "vitest";
import { systemExec } from "../../src/platform/exec.ts";

const exec = systemExec({ ...process.env, FLEETSEC_PASSPHRASE: "secret" });

describe("run", () => {
  test("arguments are passed as they are: no shell looks at them", async () => {
    const { stdout, exitCode } = await exec.run("printf", ["%s|", "$(id)", "a b", "*"]);
    expect({ stdout, exitCode }).toEqual({ stdout: "$(id)|a b|*|", exitCode: 0 });
  });

  test("a non-zero exit is a result", async () => {
    expect(await exec.run("false", [])).toMatchObject({ exitCode: 1, timedOut: false });
  });

  test("fleetsec's own variables stay here; the caller's are added", async () => {
    const { stdout } = await exec.run("env", [], { env: { EXTRA: "yes" } });
    expect(stdout).toContain("EXTRA=yes");
    expect(stdout).toContain("PATH=");
    expect(stdout).not.toContain("secret");
  });

  test("input is given on stdin; without it stdin is empty", async () => {
    expect(await exec.run("cat", [], { input: "text" })).toMatchObject({ stdout: "text" });
    expect(await exec.run("cat", [])).toMatchObject({ stdout: "", exitCode: 0 });
  });

  test("time and output are bounded", async () => {
    expect(await exec.run("sleep", ["10"], { timeout: 50 })).toMatchObject({
      timedOut: true,
      exitCode: null,
    });
    const { stdout } = await exec.run("head", ["-c", "100000", "/dev/zero"], { maxOutput: 100 });
    expect(stdout.length).toBe(100);
  });

  test("a program that is not there is named", async () => {
    await expect(exec.run("no-such-program", [])).rejects.toMatchObject({ code: "engine" });
    expect(exec.find("no-such-program")).toBeUndefined();
    expect(exec.find("sh")).toMatch(/\/sh$/);
    expect(exec.find("../sh")).toBeUndefined();
  });

  test("the signal's reason is thrown", async () => {
    const controller = new AbortController();
    const reason = new Error("stop");
    const running = exec.run("sleep", ["10"], { signal: controller.signal });
    controller.abort(reason);
    await expect(running).rejects.toBe(reason);
  });
});
