import { randomBytes } from "node:crypto";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { initialConfig } from "../../src/config/initial.ts";
import { FleetsecError } from "../../src/errors.ts";
import { runCli } from "../support/cli.ts";
import { scratch } from "../support/scratch.ts";

const config = initialConfig({ name: "acme", domain: "fleet.internal", gateways: ["nginx"] });

/** A project with a CA and a certificate for the gateway and for a client. */
async function project(): Promise<string> {
  const cwd = scratch();
  writeFileSync(join(cwd, "fleetsec.yaml"), config);
  for (const argv of [
    ["ca", "init", "--insecure-dev-key"],
    ["cert", "issue", "gateway", "--role", "gateway", "--san", "dns:localhost", "--san", "ip:127.0.0.1"],
    ["cert", "issue", "tms", "--role", "tms-connector"],
  ]) {
    expect(await runCli(argv, { cwd })).toMatchObject({ code: 0 });
  }
  return cwd;
}

function get(cwd: string, port: number): Promise<{ status: number; body: string }> {
  const file = (path: string) => readFileSync(join(cwd, ".fleetsec", path));
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: "localhost",
        port,
        agent: false,
        ca: file("ca/bundle.pem"),
        cert: Buffer.concat([file("certs/tms/current/cert.pem"), file("certs/tms/current/chain.pem")]),
        key: file("certs/tms/current/key.pem"),
      },
      (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (part: string) => (body += part));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
      },
    );
    outgoing.on("error", reject);
    outgoing.end();
  });
}

describe("fleetsec gateway", () => {
  test("serves the project's certificate to a client of its CA, audits, reloads, and stops on the signal", async () => {
    const cwd = await project();
    const controller = new AbortController();
    const live = { stderr: "" };
    const running = runCli(["gateway", "--listen", "127.0.0.1:0", "--echo", "--audit-log", "events.jsonl"], {
      cwd,
      signal: controller.signal,
      onStderr: (text) => (live.stderr += text),
    });
    await expect.poll(() => live.stderr).toMatch(/listening on https:\/\/127\.0\.0\.1:\d+\//);
    const port = Number(/:(\d+)\//.exec(live.stderr)?.[1]);
    const reply = await get(cwd, port);
    expect(reply.status).toBe(200);
    expect(JSON.parse(reply.body)).toMatchObject({ roles: ["carrier_dispatch"] });
    const events = readFileSync(join(cwd, "events.jsonl"), "utf8").trim().split("\n");
    expect(events.map((line) => (JSON.parse(line) as { event_type: string }).event_type)).toEqual([
      "authentication",
      "authorization",
    ]);
    expect(await runCli(["cert", "renew", "gateway", "--force"], { cwd })).toMatchObject({ code: 0 });
    await expect.poll(() => live.stderr).toContain("certificates reloaded");
    expect((await get(cwd, port)).status).toBe(200);
    expect(await runCli(["cert", "revoke", "tms"], { cwd })).toMatchObject({ code: 0 });
    await expect
      .poll(() =>
        get(cwd, port).then(
          () => "served",
          () => "refused",
        ),
      )
      .toBe("refused");
    controller.abort(new FleetsecError("terminated", "terminated"));
    expect((await running).code).toBe(143);
  });

  test.each(["none/events.jsonl", ".", "fifo"])("does not listen where it cannot audit: %s", async (log) => {
    const cwd = await project();
    execFileSync("mkfifo", [join(cwd, "fifo")]);
    const result = await runCli(["gateway", "--listen", "127.0.0.1:0", "--echo", "--audit-log", log], {
      cwd,
    });
    expect(result.code).toBe(2);
    expect(result.stderr).not.toContain("listening on");
  });

  test("ends when an event cannot be written: what it lets in must be on record", async () => {
    const cwd = await project();
    mkdirSync(join(cwd, "logs"));
    const live = { stderr: "" };
    const running = runCli(
      ["gateway", "--listen", "127.0.0.1:0", "--echo", "--audit-log", "logs/events.jsonl"],
      {
        cwd,
        onStderr: (text) => (live.stderr += text),
      },
    );
    await expect.poll(() => live.stderr).toContain("listening on");
    const port = Number(/:(\d+)\//.exec(live.stderr)?.[1]);
    rmSync(join(cwd, "logs"), { recursive: true });
    expect(
      await get(cwd, port).then(
        ({ status }) => status,
        () => "closed",
      ),
    ).not.toBe(200);
    expect(await running).toMatchObject({ code: 2 });
    await expect(get(cwd, port)).rejects.toThrow();
  });

  test("a certificate that is not for servers is refused, and a role that no certificate can have", async () => {
    const cwd = await project();
    for (const flags of [
      ["--name", "tms"],
      ["--allow-role", "nosuch"],
    ]) {
      const result = await runCli(["gateway", "--listen", "127.0.0.1:0", ...flags], { cwd });
      expect(result.code).toBe(2);
      expect(result.stderr).not.toContain("listening on");
    }
  });

  test.each([
    [["gateway", "--listen", "nowhere"], "usage"],
    [["gateway", "--listen", "127.0.0.1:70000"], "usage"],
    [["gateway", "--listen", "127.0.0.1:0", "--upstream", "host:0"], "usage"],
    [["gateway", "--listen", "127.0.0.1:0", "--name", randomBytes(4).toString("hex")], "not-found"],
    [["gateway", "--listen", "127.0.0.1:0", "--name", "../../etc"], "usage"],
  ])("%j ends with 2 (%s)", async (argv, code) => {
    const cwd = scratch();
    writeFileSync(join(cwd, "fleetsec.yaml"), config);
    const result = await runCli([...argv, "--json"], { cwd });
    expect(result.code).toBe(2);
    expect(JSON.parse(result.stdout)).toMatchObject({ code });
  });

  test("without a configuration it says what to do", async () => {
    const result = await runCli(["gateway", "--json"], { cwd: scratch() });
    expect(result.code).toBe(2);
    expect(JSON.parse(result.stdout)).toMatchObject({ code: "config" });
  });
});
