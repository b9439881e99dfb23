import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createServer } from "node:tls";
import { describe, expect, onTestFinished, test } from "vitest";
import { lintRecord } from "../../src/logs/lint/event.ts";
import type { RotationEvent } from "../../src/pki/rotate/event.ts";
import type { Exec } from "../../src/platform/exec.ts";
import { systemExec } from "../../src/platform/exec.ts";
import type { Clock } from "../../src/platform/platform.ts";
import type { CliResult } from "../support/cli.ts";
import { movablePlatform } from "../support/pki.ts";
import { testProject, type TestProject } from "../support/project.ts";
import { schemaErrors } from "../support/schema.ts";
import { scratch } from "../support/scratch.ts";

const HOUR = 3_600_000;

async function withGateway(edit?: (config: string) => string): Promise<TestProject> {
  const project = testProject(edit);
  await project.run(["ca", "init", "--insecure-dev-key"]);
  const san = ["--san", "dns:localhost", "--san", "ip:127.0.0.1"];
  expect((await project.run(["cert", "issue", "gateway", "--role", "gateway", ...san])).code).toBe(0);
  return project;
}

const at = (time: number) => ({ clock: movablePlatform(time).clock });
const current = (project: TestProject, file: string, name = "gateway") =>
  readFileSync(join(project.directory, `.fleetsec/certs/${name}/current/${file}`), "utf8");

function eventsOf(text: string): RotationEvent[] {
  const lines = text.split("\n").filter((line) => line.startsWith("{"));
  return lines.map((line) => {
    expect(lintRecord(Buffer.from(line)).faults).toEqual([]);
    return JSON.parse(line) as RotationEvent;
  });
}

const actions = ({ stderr }: CliResult) => eventsOf(stderr).map(({ action }) => action);

/** A TLS server that serves what `current` held when it was last told to read it. */
async function serveGateway(project: TestProject): Promise<{ address: string; reload: () => void }> {
  const options = () => ({ cert: current(project, "cert.pem"), key: current(project, "key.pem") });
  const server = createServer(options());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { address: `127.0.0.1:${port}`, reload: () => server.setSecureContext(options()) };
}

interface Call {
  readonly command: readonly string[];
  readonly cwd: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>> | undefined;
}

/** Runs no program: keeps what would have been run, and does something in its place. */
function fakeExec(effect: (call: number) => number | void = () => 0) {
  const calls: Call[] = [];
  const signals: [number, string][] = [];
  const exec: Exec = {
    ...systemExec({}),
    run: async (program, args, { cwd, env } = {}) => {
      calls.push({ command: [program, ...args], cwd, env });
      return {
        exitCode: effect(calls.length) ?? 0,
        stdout: "out\u001b[2J",
        stderr: "",
        timedOut: false,
        overflowed: false,
      };
    },
    signal: (pid, signal) => signals.push([pid, signal]) > 0 && pid !== 99_999,
  };
  return { exec, calls, signals };
}

/** Time stands still while a service answers, and is up when it is to be looked at again. */
function impatientClock(): Clock {
  const { clock } = movablePlatform();
  let monotonic = 0;
  return {
    ...clock,
    now: () => Date.now(),
    monotonic: () => monotonic,
    sleep: async (ms, signal) => {
      if (ms >= 1000) return clock.sleep(ms, signal);
      monotonic += 60_000;
    },
  };
}

describe("cert rotate", () => {
  test("renews what is due of all that is in use, and leaves the rest", async () => {
    const project = await withGateway();
    await project.run(["cert", "issue", "truck-1", "--role", "fleet-edge", "--ttl", "72h"]);
    await project.run(["cert", "issue", "gone", "--role", "fleet-edge"]);
    await project.run(["cert", "revoke", "gone"]);
    const before = await project.json(["cert", "rotate"]);
    expect([before.code, before.stderr, schemaErrors(before.document)]).toEqual([0, "", []]);
    expect(before.document).toMatchObject({
      ok: true,
      certificates: [
        { name: "gateway", outcome: "not-due" },
        { name: "truck-1", outcome: "not-due" },
      ],
    });
    const later = await project.json(["cert", "rotate"], at(Date.now() + 17 * HOUR));
    expect([later.code, schemaErrors(later.document)]).toEqual([0, []]);
    expect(later.document.certificates).toMatchObject([{ outcome: "renewed" }, { outcome: "not-due" }]);
    expect(actions(later)).toEqual(["certificate-renewed"]);
    const { stdout } = await project.run(["cert", "rotate", "truck-1", "--force"]);
    expect(stdout).toMatch(/^NAME +RESULT +DUE +SERIAL IN USE\ntruck-1 +renewed/);
  });

  test("--rekey makes a new key, and the key stays without it", async () => {
    const project = await withGateway();
    const key = current(project, "key.pem");
    await project.run(["cert", "rotate", "gateway", "--force"]);
    expect(current(project, "key.pem")).toBe(key);
    await project.run(["cert", "rotate", "gateway", "--force", "--rekey"]);
    expect(current(project, "key.pem")).not.toBe(key);
  });

  test("--exec runs a program with its own flags, told what has changed", async () => {
    const project = await withGateway();
    const { exec, calls } = fakeExec();
    const run = (...argv: string[]) => project.json(["cert", "rotate", "--force", ...argv], { exec });
    expect((await run("gateway", "--exec", "nginx", "-s", "reload", "--verbose")).code).toBe(0);
    expect((await run("--exec", "reload", "a b", "$(id)", "--audit=a.log", "gateway")).code).toBe(0);
    expect((await run("gateway", "--exec", "--", "reload", "--quiet", "--", "--exec")).code).toBe(0);
    expect((await run("gateway", "--exec=reload", "-x")).code).toBe(0);
    expect(calls.map(({ command }) => command)).toEqual([
      ["nginx", "-s", "reload"],
      ["reload", "a b", "$(id)"],
      ["reload", "--quiet", "--", "--exec"],
      ["reload", "-x"],
    ]);
    const directory = join(project.directory, ".fleetsec/certs/gateway/current");
    expect(calls[0]).toMatchObject({
      cwd: project.directory,
      env: {
        CERT_NAME: "gateway",
        CERT_FILE: join(directory, "cert.pem"),
        CERT_BUNDLE: join(directory, "bundle.pem"),
      },
    });
  });

  test("a hook that fails ends with 1, is told escaped, and is run again by the next rotation", async () => {
    const project = await withGateway();
    const { exec, calls } = fakeExec((call) => (call === 1 ? 7 : 0));
    const argv = ["cert", "rotate", "gateway", "--exec", "reload"];
    const first = await project.json([...argv, "--force"], { exec });
    expect([first.code, schemaErrors(first.document)]).toEqual([1, []]);
    expect(first.document).toMatchObject({ ok: false, certificates: [{ outcome: "incomplete" }] });
    expect(actions(first)).toEqual(["certificate-renewed", "hook-failed", "rotation-incomplete"]);
    // what it said is the user's to see, and no signed log's
    expect(first.document.certificates[0].reason).toBe("reload ended with 7: out\u001b[2J");
    expect(first.stderr.match(/"reason":"[^"]*"/g)).toEqual(Array(2).fill('"reason":"reload ended with 7"'));
    const { serial } = first.document.certificates[0];
    const second = await project.json(argv, { exec });
    expect([second.code, second.document.certificates[0]]).toMatchObject([0, { outcome: "told", serial }]);
    expect([second.document.ok, schemaErrors(second.document)]).toEqual([true, []]);
    expect((await project.json(argv, { exec })).document.certificates[0].outcome).toBe("not-due");
    expect(calls).toHaveLength(2);

    const text = await project.run([...argv, "--force"], { exec: fakeExec(() => 7).exec });
    expect(text.stdout).toContain("gateway: reload ended with 7: out\\u{1b}[2J");
    for (const line of text.stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  test("a hook without a program is refused before anything is changed", async () => {
    const project = await withGateway();
    for (const hook of [[""], ["--", ""]]) {
      const argv = ["cert", "rotate", "gateway", "--force", "--exec", ...hook];
      expect(await project.attempt(argv)).toMatchObject({ exit: 2, code: "usage", changed: false });
      expect(await project.attempt(["cert", "revoke", "gateway", "--exec", ...hook])).toMatchObject({
        exit: 2,
        code: "usage",
        changed: false,
      });
    }
    const signing = ["logs", "sign", "--in", "-", "--store", "s", "--signer-pub", "p", "--signer-cmd", ""];
    expect(await project.attempt(signing)).toMatchObject({ exit: 2, code: "usage", changed: false });
    const control = ["cert", "rotate", "gateway", "--force", "--exec", "reload", ""];
    expect(await project.attempt(control, { exec: fakeExec().exec })).toMatchObject({
      exit: 0,
      changed: true,
    });
  });

  test("a run without a hook does not take a service for told that an earlier one did not reach", async () => {
    const project = await withGateway();
    const argv = ["cert", "rotate", "gateway"];
    const hook = (code: number) => ({ exec: fakeExec(() => code).exec });
    await project.json([...argv, "--force", "--exec", "reload"], hook(7));
    const untold = { outcome: "incomplete", reason: expect.stringContaining("--exec") };
    for (const flags of [[], ["--force"], []]) {
      const { code, document, stderr } = await project.json([...argv, ...flags]);
      expect([code, document.certificates[0], schemaErrors(document)]).toEqual([
        1,
        expect.objectContaining(untold),
        [],
      ]);
      expect(eventsOf(stderr).at(-1)).toMatchObject({ action: "rotation-incomplete" });
    }
    const told = await project.json([...argv, "--exec", "reload"], hook(0));
    expect([told.code, told.document.certificates[0].outcome]).toEqual([0, "told"]);
    expect((await project.json(argv)).document.certificates[0].outcome).toBe("not-due");
  });

  test("a program that cannot be started is a hook that failed", async () => {
    const project = await withGateway();
    const argv = ["cert", "rotate", "gateway", "--force", "--exec", "/nonexistent/reload"];
    const { code, document } = await project.json(argv);
    expect([code, document.certificates[0].outcome]).toEqual([1, "incomplete"]);
  });

  test("--pid-file is read each time, and its process is signalled", async () => {
    const project = await withGateway();
    const { exec, signals, calls } = fakeExec();
    const pidFile = join(project.directory, "run.pid");
    const rotate = async (content: string, ...flags: string[]) => {
      writeFileSync(pidFile, content);
      const argv = ["cert", "rotate", "gateway", "--force", "--pid-file", "run.pid", ...flags];
      const { document } = await project.json(argv, { exec });
      return document.certificates[0];
    };
    expect(await rotate("4711\n")).toMatchObject({ outcome: "renewed" });
    expect(await rotate("4712", "--signal", "SIGUSR2", "--exec", "first")).toMatchObject({
      outcome: "renewed",
    });
    expect(signals).toEqual([
      [4711, "HUP"],
      [4712, "USR2"],
    ]);
    expect(calls).toHaveLength(1);
    for (const content of ["", "0", "1", "-1", "12 13", "1e3", "4711x", "99999999999"]) {
      const { outcome, reason } = await rotate(content);
      expect([content, outcome, reason]).toEqual([
        content,
        "incomplete",
        `${pidFile} does not hold a process id`,
      ]);
    }
    expect(signals).toHaveLength(2);
    expect(await rotate("99999")).toMatchObject({ outcome: "incomplete" });
  });

  test("--confirm sees the new serial number served", async () => {
    const project = await withGateway();
    const { address, reload } = await serveGateway(project);
    const { exec } = fakeExec(reload);
    const argv = ["cert", "rotate", "gateway", "--force", "--exec", "reload", "--confirm", address];
    const result = await project.json(argv, { exec });
    expect([result.code, result.document.certificates[0].outcome]).toEqual([0, "renewed"]);
    expect(actions(result)).toEqual(["certificate-renewed", "hook-done", "serial-confirmed"]);
    expect(eventsOf(result.stderr).at(-1)).toMatchObject({
      endpoint: address,
      identity: { serial: result.document.certificates[0].serial },
    });
  });

  test("--confirm of a service that goes on with the old one rolls back, runs the hook again and ends with 1", async () => {
    const project = await withGateway();
    const { address } = await serveGateway(project);
    const { exec, calls } = fakeExec();
    const files = ["cert.pem", "key.pem", "chain.pem", "bundle.pem"];
    const before = files.map((file) => current(project, file));
    const { serial } = (await project.json(["cert", "needs-renewal", "gateway"])).document;
    const flags = ["--exec", "reload", "--confirm", address, "--confirm-timeout", "1m"];
    const argv = ["cert", "rotate", "gateway", "--force", "--rekey", ...flags];
    const result = await project.json(argv, { exec, clock: impatientClock() });
    expect([result.code, schemaErrors(result.document)]).toEqual([1, []]);
    const [entry] = result.document.certificates;
    expect(entry).toMatchObject({ outcome: "rolled-back", serial });
    expect(entry.reason).toBe(`${address} serves the serial number ${serial}`);
    expect(files.map((file) => current(project, file))).toEqual(before);
    const key = join(project.directory, ".fleetsec/certs/gateway/current/key.pem");
    expect(statSync(key).mode & 0o777).toBe(0o600);
    expect(calls.map(({ env }) => env?.["CERT_SERIAL"])).toEqual([entry.rejected, serial]);
    expect(actions(result)).toEqual([
      "certificate-renewed",
      "hook-done",
      "serial-not-confirmed",
      "certificate-rolled-back",
      "hook-done",
    ]);
    // a renewal that finds nothing due does not bring the rejected one back
    expect((await project.json(["cert", "renew", "gateway"])).document).toMatchObject({
      renewed: false,
      serial,
    });
    expect((await project.json(["cert", "rotate"])).document.certificates[0]).toMatchObject({ serial });
  });

  test("a service that was not told of a rollback is told of the certificate that is in use again", async () => {
    const project = await withGateway();
    const { serial } = (await project.json(["cert", "needs-renewal", "gateway"])).document;
    const argv = ["cert", "rotate", "gateway"];
    const failing = ["--force", "--exec", "reload", "--confirm", "127.0.0.1:1"];
    const first = await project.json([...argv, ...failing], { exec: fakeExec(() => 7).exec });
    expect(first.document.certificates).toMatchObject([{ outcome: "rolled-back", serial }]);
    const without = await project.json(argv);
    expect(without.document.certificates).toMatchObject([
      {
        outcome: "incomplete",
        serial,
        reason: expect.stringContaining("that the certificate before is in use again"),
      },
    ]);
    const { exec } = fakeExec();
    const told = await project.run([...argv, "--exec", "reload"], { exec });
    expect([told.code, told.stdout]).toEqual([0, expect.stringMatching(/^gateway +told .*\n?$/m)]);
    expect((await project.json(argv)).document.certificates).toMatchObject([{ outcome: "not-due", serial }]);
  });

  test("cert list calls the certificate valid that is in use again after a rollback", async () => {
    const project = await withGateway();
    const statuses = async () => {
      const { document } = await project.json(["cert", "list"]);
      return document.certificates.map(({ serial, status }: Record<string, string>) => [serial, status]);
    };
    const flags = ["--force", "--confirm", "127.0.0.1:1"];
    const rotated = await project.json(["cert", "rotate", "gateway", ...flags], { clock: impatientClock() });
    const [{ serial, rejected }] = rotated.document.certificates;
    expect(await statuses()).toEqual([
      [serial, "valid"],
      [rejected, "superseded"],
    ]);
    expect((await project.json(["ca", "show"])).document.certificates).toMatchObject({
      valid: 1,
      superseded: 1,
    });
    await project.run(["cert", "revoke", rejected]);
    expect(await statuses()).toEqual([
      [serial, "valid"],
      [rejected, "revoked"],
    ]);
    const renewed = (await project.json(["cert", "renew", "gateway", "--force"])).document.serial;
    expect((await statuses()).map(([, status]: string[]) => status)).toEqual([
      "superseded",
      "revoked",
      "valid",
    ]);
    expect((await statuses()).at(-1)?.[0]).toBe(renewed);
    // whose files are gone is listed as it was issued
    rmSync(join(project.directory, ".fleetsec/certs/gateway"), { recursive: true });
    expect((await statuses()).at(-1)).toEqual([renewed, "valid"]);
  });

  test("a certificate that was rolled back and then revoked stands in nobody's way", async () => {
    const project = await withGateway();
    const flags = ["--force", "--confirm", "127.0.0.1:1"];
    const argv = ["cert", "rotate", "gateway", ...flags];
    const [rejected] = (await project.json(argv, { clock: impatientClock() })).document.certificates;
    expect(rejected.outcome).toBe("rolled-back");
    expect((await project.run(["cert", "revoke", rejected.rejected])).code).toBe(0);
    for (const command of [["renew", "gateway"], ["rotate"], ["rotate", "gateway"]]) {
      const { code, document } = await project.json(["cert", ...command]);
      expect([code, (document.certificates?.[0] ?? document).serial]).toEqual([0, rejected.serial]);
    }
    const { document } = await project.json(["cert", "rotate", "--force"]);
    expect(document.certificates).toMatchObject([{ name: "gateway", outcome: "renewed" }]);
    // the one in use is another matter
    await project.run(["cert", "revoke", document.certificates[0].serial]);
    expect((await project.json(["cert", "rotate"])).document.certificates).toEqual([]);
    expect(await project.attempt(["cert", "rotate", "gateway"])).toMatchObject({ exit: 2, code: "refused" });
  });

  test("--confirm of nobody who listens rolls back; of one that has ended, the new one stays", async () => {
    const project = await withGateway();
    const flags = ["--confirm", "127.0.0.1:1", "--confirm-timeout", "1s"];
    const refused = await project.json(["cert", "rotate", "gateway", "--force", ...flags]);
    expect([refused.code, refused.document.certificates[0].outcome]).toEqual([1, "rolled-back"]);
    const { serial } = refused.document.certificates[0];
    const later = at(Date.now() + 30 * HOUR);
    const ended = await project.json(["cert", "rotate", "gateway", ...flags], later);
    expect([ended.code, ended.document.certificates[0].outcome]).toEqual([1, "incomplete"]);
    expect(ended.document.certificates[0].serial).not.toBe(serial);
  });

  test("pki.rotation says what to do for which certificate, and flags come before it", async () => {
    const rotation = `
  rotation:
    - name: gateway
      exec: [nginx, -s, reload]
      pid_file: run/nginx.pid
      signal: USR1
      rekey: true
    - name: later`;
    const project = await withGateway((config) => config.replace("pki:", `pki:${rotation}`));
    const { exec, calls, signals } = fakeExec();
    const key = current(project, "key.pem");
    writeFileSync(join(project.directory, "nginx.pid"), "4711");
    const elsewhere = scratch();
    const gone = await project.json(["cert", "rotate", "gateway", "--force"], { exec, cwd: elsewhere });
    expect(gone.code).toBe(2);
    const config = join(project.directory, "fleetsec.yaml");
    const argv = ["--config", config, "cert", "rotate", "gateway", "--force"];
    const { document } = await project.json(argv, { exec, cwd: elsewhere });
    expect(document.certificates[0].reason).toContain(join(project.directory, "run/nginx.pid"));
    expect(calls[0]).toMatchObject({ command: ["nginx", "-s", "reload"], cwd: project.directory });
    expect(current(project, "key.pem")).not.toBe(key);
    await project.json([...argv, "--exec", "other", "--pid-file", join(project.directory, "nginx.pid")], {
      exec,
    });
    expect(calls[1]?.command).toEqual(["other"]);
    expect(signals).toEqual([[4711, "HUP"]]);
    // one that is configured and was never issued fails alone
    const all = await project.json(["cert", "rotate"], { exec });
    expect([all.code, all.document.certificates[1]]).toMatchObject([2, { name: "later", code: "not-found" }]);
    expect(schemaErrors(all.document)).toEqual([]);
  });

  test("--audit appends the events to a file", async () => {
    const project = await withGateway();
    const path = join(project.directory, "rotate.jsonl");
    writeFileSync(path, "{}\n");
    const argv = ["cert", "rotate", "gateway", "--force", "--audit", "rotate.jsonl"];
    expect((await project.run(argv)).stderr).toBe("");
    const [kept, ...lines] = readFileSync(path, "utf8").split("\n");
    expect(kept).toBe("{}");
    expect(eventsOf(lines.join("\n"))).toMatchObject([
      { action: "certificate-renewed", certificate: "gateway" },
    ]);
    expect(await project.attempt([...argv.slice(0, -1), "no/such/dir"])).toMatchObject({
      exit: 2,
      changed: false,
    });
  });

  test.each([
    ["--confirm without a NAME", ["--confirm", "localhost:1"]],
    ["--confirm with two", ["a", "b", "--confirm", "localhost:1"]],
    ["--confirm that is no address", ["gateway", "--confirm", "localhost"]],
    ["--confirm-timeout alone", ["gateway", "--confirm-timeout", "1s"]],
    ["--confirm-timeout that is no duration", ["gateway", "--confirm", "a:1", "--confirm-timeout", "1"]],
    ["--signal alone", ["gateway", "--signal", "HUP"]],
    ["--signal that ends processes", ["gateway", "--pid-file", "a", "--signal", "KILL"]],
    ["--exec without a program", ["gateway", "--exec"]],
    ["--exec followed by a flag", ["gateway", "--exec", "--force"]],
    ["--watch with --force", ["gateway", "--watch", "--force"]],
  ])("%s is a usage error", async (_, flags) => {
    const project = await withGateway();
    const before = project.snapshot();
    const { code, document } = await project.json(["cert", "rotate", ...flags]);
    expect([code, document.code]).toEqual([2, "usage"]);
    expect(project.snapshot()).toEqual(before);
  });

  test("an unknown NAME is an error before anything is done", async () => {
    const project = await withGateway();
    for (const name of ["nobody", "../../etc", "__proto__"]) {
      expect(await project.attempt(["cert", "rotate", "gateway", name, "--force"])).toMatchObject({
        exit: 2,
        code: "not-found",
        changed: false,
      });
    }
  });

  test("with nothing issued there is nothing to do", async () => {
    const project = testProject();
    await project.run(["ca", "init", "--insecure-dev-key"]);
    expect(await project.run(["cert", "rotate"])).toMatchObject({
      code: 0,
      stdout: "no certificates to rotate\n",
    });
  });
});
