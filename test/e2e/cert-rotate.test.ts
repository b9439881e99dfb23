// @module-tag long
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import type { RotationEvent } from "../../src/pki/rotate/event.ts";
import { testProject } from "../support/project.ts";
import { start, type Started, until } from "./processes.ts";

const bin = new URL("../../bin/fleetsec.js", import.meta.url).pathname;

const eventsOf = ({ written }: Started): RotationEvent[] =>
  written.stderr
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as RotationEvent);

test(
  "cert rotate --watch renews certificates that live for seconds, reloads at SIGHUP and ends at SIGTERM",
  { timeout: 180_000 },
  async () => {
    const project = testProject();
    await project.run(["ca", "init", "--insecure-dev-key"]);
    for (const name of ["a", "b"]) {
      const argv = ["cert", "issue", name, "--role", "fleet-edge", "--ttl", "4s"];
      expect((await project.run(argv)).code).toBe(0);
    }
    const hook = join(project.directory, "hook.mjs");
    writeFileSync(
      hook,
      `import { appendFileSync } from "node:fs"; appendFileSync("told", process.argv[2] + process.env.CERT_NAME);`,
    );
    const watching = start(project.directory, [
      bin,
      "cert",
      "rotate",
      "--watch",
      "--rekey",
      "--exec",
      process.execPath,
      hook,
      "-x;$(id)",
    ]);
    onTestFinished(() => void watching.child.kill("SIGKILL"));
    const count = (action: string, name?: string) =>
      eventsOf(watching).filter(
        (event) => event.action === action && (name ?? event.certificate) === event.certificate,
      ).length;

    await until(watching, () => count("hook-done", "a") >= 2 && count("hook-done", "b") >= 2);
    watching.child.kill("SIGHUP");
    await until(watching, () => count("configuration-reloaded") === 1);
    writeFileSync(join(project.directory, "fleetsec.yaml"), "version: 2\n");
    watching.child.kill("SIGHUP");
    await until(watching, () => count("configuration-refused") === 1);
    const renewed = count("hook-done", "a");
    await until(watching, () => count("hook-done", "a") > renewed);
    watching.child.kill("SIGTERM");

    const { code, stdout, stderr } = await watching.ended;
    expect({ code, stdout }).toEqual({ code: 143, stdout: "" });
    expect(stderr).toMatch(/"action":"rotation-stopped".*\nfleetsec: terminated\n$/);
    expect(readFileSync(join(project.directory, "told"), "utf8")).toMatch(/^(-x;\$\(id\)[ab]){4,}$/);
    const state = join(project.directory, ".fleetsec");
    for (const name of ["a", "b"]) {
      expect(existsSync(join(state, "rotation", name, "intent.json"))).toBe(false);
      expect(readdirSync(join(state, "rotation", name, "lock"))).toEqual([]);
      expect(readdirSync(join(state, "certs", name)).filter((file) => file.endsWith(".tmp"))).toEqual([]);
    }
  },
);

test("a hook that runs when SIGTERM comes is waited for", { timeout: 180_000 }, async () => {
  const project = testProject();
  await project.run(["ca", "init", "--insecure-dev-key"]);
  const issue = ["cert", "issue", "a", "--role", "fleet-edge", "--ttl", "4s"];
  expect((await project.run(issue)).code).toBe(0);
  // the hook itself sends the signal: it runs for certain when that comes
  const hook = ["sh", "-c", 'kill -TERM "$PPID"; echo "$CERT_NAME" >> told'];
  const rotating = start(project.directory, [bin, "cert", "rotate", "--watch", "--exec", ...hook]);
  onTestFinished(() => void rotating.child.kill("SIGKILL"));
  const { code, stderr } = await rotating.ended;
  expect({ code, stderr }).toMatchObject({ code: 143 });
  expect(stderr).toContain('"action":"hook-done"');
  expect(stderr).toContain('"action":"rotation-stopped"');
  expect(readFileSync(join(project.directory, "told"), "utf8")).toBe("a\n");
  const rotation = join(project.directory, ".fleetsec/rotation/a");
  expect(existsSync(join(rotation, "intent.json"))).toBe(false);
  expect(readdirSync(join(rotation, "lock"))).toEqual([]);
});

/** Two certificates that live for seconds, and a hook for them. */
async function watchWithHook(ttl: string, script: string) {
  const project = testProject();
  await project.run(["ca", "init", "--insecure-dev-key"]);
  for (const name of ["a", "b"]) {
    const issue = ["cert", "issue", name, "--role", "fleet-edge", "--ttl", ttl];
    expect((await project.run(issue)).code).toBe(0);
  }
  const watching = start(project.directory, [bin, "cert", "rotate", "--watch", "--exec", "sh", "-c", script]);
  const children = () => {
    const file = join(project.directory, "children");
    return existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1).map(Number) : [];
  };
  onTestFinished(() => {
    watching.child.kill("SIGKILL");
    for (const pid of children().filter(isRunning)) process.kill(pid, "SIGKILL");
  });
  return { project, watching, children };
}

const isRunning = (pid: number) => {
  const stat = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, "utf8") : "";
  return stat !== "" && !/\) Z /.test(stat);
};

test(
  "a hook that leaves a process with its output behind holds up nothing, and that process lives",
  { timeout: 180_000 },
  async () => {
    const { watching, children } = await watchWithHook("4s", "sleep 100000 & echo $! >> children; exit 0");
    const done = (name: string) =>
      eventsOf(watching).filter(({ action, certificate }) => action === "hook-done" && certificate === name);
    await until(watching, () => done("a").length >= 2 && done("b").length >= 2);
    watching.child.kill("SIGTERM");
    expect(await watching.ended).toMatchObject({ code: 143 });
    expect(children().length).toBeGreaterThanOrEqual(4);
    expect(children().filter(isRunning)).toEqual(children());
  },
);

test(
  "a hook that does not end is ended after SIGTERM with all that it started, and its service is told later",
  { timeout: 180_000 },
  async () => {
    const { project, watching, children } = await watchWithHook(
      "4s",
      "sleep 100000 & echo $! >> children; wait",
    );
    await vi.waitUntil(() => children().length > 0, { timeout: 60_000 });
    expect(children().filter(isRunning)).toEqual(children());
    watching.child.kill("SIGTERM");
    const { code, stderr } = await watching.ended;
    expect({ code, stderr }).toMatchObject({ code: 143 });
    expect(stderr).not.toContain('"action":"hook-');
    expect(stderr).toContain('"action":"rotation-stopped"');
    expect(children().filter(isRunning)).toEqual([]);
    const rotation = (name: string) => join(project.directory, ".fleetsec/rotation", name);
    const untold = ["a", "b"].filter((name) => existsSync(join(rotation(name), "intent.json")));
    expect(untold.length).toBe(children().length);
    for (const name of untold) expect(readdirSync(join(rotation(name), "lock"))).toEqual([]);
  },
);

test(
  "cert rotate without --watch takes SIGHUP as SIGTERM, and leaves no hook behind",
  { timeout: 180_000 },
  async () => {
    const project = testProject();
    await project.run(["ca", "init", "--insecure-dev-key"]);
    expect((await project.run(["cert", "issue", "a", "--role", "fleet-edge"])).code).toBe(0);
    const hook = ["sh", "-c", "echo $$ > hook; sleep 100000; true"];
    const rotating = start(project.directory, [bin, "cert", "rotate", "--force", "--exec", ...hook]);
    const started = join(project.directory, "hook");
    const pid = () => (existsSync(started) ? Number(readFileSync(started, "utf8")) : 0);
    onTestFinished(() => {
      rotating.child.kill("SIGKILL");
      if (pid() > 0 && isRunning(pid())) process.kill(pid(), "SIGKILL");
    });
    await expect.poll(pid, { timeout: 60_000 }).toBeGreaterThan(0);
    expect(isRunning(pid())).toBe(true);
    rotating.child.kill("SIGHUP");
    const { code, stderr } = await rotating.ended;
    expect({ code, stderr }).toMatchObject({ code: 143 });
    expect(isRunning(pid())).toBe(false);
    const rotation = join(project.directory, ".fleetsec/rotation/a");
    expect(readdirSync(join(rotation, "lock"))).toEqual([]);
    // the next run tells the service
    expect(existsSync(join(rotation, "intent.json"))).toBe(true);
    expect((await project.run(["cert", "rotate", "--exec", "true"])).code).toBe(0);
    expect(existsSync(join(rotation, "intent.json"))).toBe(false);
  },
);
