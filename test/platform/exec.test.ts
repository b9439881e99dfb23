import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { systemExec } from "../../src/platform/exec.ts";
import { scratch } from "../support/scratch.ts";

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

/** A program that starts another, which holds its stdout and notes its id in a file. */
function parent(script: string) {
  const file = join(scratch(), "pid");
  const temporary = `${file}.new`;
  const child = () => {
    const pid = Number(readFileSync(file, "utf8"));
    expect(pid).toBeGreaterThan(1);
    return pid;
  };
  onTestFinished(() => {
    if (existsSync(file) && isAlive(child())) process.kill(child(), "SIGKILL");
  });
  return {
    argv: ["-c", `sleep 1000 & echo $! > ${temporary}; mv ${temporary} ${file}; ${script}`],
    file,
    isRunning: () => isAlive(child()),
  };
}

const isAlive = (pid: number) => {
  const stat = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, "utf8") : "";
  return stat !== "" && !/\) Z /.test(stat);
};

describe("a program that leaves another behind, which holds its output", () => {
  test.each([0, 7])("has ended when it ends itself, with %i, and the other goes on", async (status) => {
    const { argv, isRunning } = parent(`seq 20000; echo said >&2; exit ${status}`);
    const result = await exec.run("sh", argv);
    expect(result).toMatchObject({ exitCode: status, stderr: "said\n", timedOut: false });
    expect(result.stdout).toMatch(/^1\n2\n(.*\n)*20000\n$/);
    expect(isRunning()).toBe(true);
  });

  test.each(["sleep 1000; true", "trap '' TERM; sleep 1000; sleep 1000"])(
    "is ended with the other when time is up: %s",
    async (script) => {
      const { argv, isRunning } = parent(script);
      expect(await exec.run("sh", argv, { timeout: 1000 })).toMatchObject({ timedOut: true, exitCode: null });
      expect(isRunning()).toBe(false);
    },
  );

  test("is ended with the other by the signal, at once or after a while", async () => {
    for (const linger of [0, 300]) {
      const controller = new AbortController();
      const { argv, file, isRunning } = parent("sleep 1000; true");
      const running = exec.run("sh", argv, { signal: controller.signal, linger });
      while (!existsSync(file)) await sleep(10);
      controller.abort("stop");
      await expect(running).rejects.toBe("stop");
      expect(isRunning()).toBe(false);
    }
  });

  test("while one that ends in that while has ended by itself", async () => {
    const signal = AbortSignal.abort("stop");
    expect(await exec.run("true", [], { signal, linger: 60_000 })).toMatchObject({ exitCode: 0 });
    await expect(exec.run("true", [], { signal })).rejects.toBe("stop");
  });

  test("is ended with the other where it writes too much", async () => {
    const { argv, isRunning } = parent("cat /dev/zero");
    const { exitCode, stdout } = await exec.run("sh", argv, { maxOutput: 100 });
    expect({ exitCode, length: stdout.length }).toEqual({ exitCode: null, length: 100 });
    expect(isRunning()).toBe(false);
  });
});

test("input that a program does not read is no fault", async () => {
  expect(await exec.run("true", [], { input: Buffer.alloc(1 << 20) })).toMatchObject({ exitCode: 0 });
});
