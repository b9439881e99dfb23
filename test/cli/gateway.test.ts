import { randomBytes } from "node:crypto";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runCli } from "../support/cli.ts";
import { askGateway, gatewayProject, startGateway } from "../support/gateway.ts";
import { testProject } from "../support/project.ts";
import { scratch } from "../support/scratch.ts";

describe("fleetsec gateway", () => {
  test("serves the project's certificate to a client of its CA, audits, reloads, and stops on the signal", async () => {
    const cwd = await gatewayProject();
    const { port, live, stop } = await startGateway(cwd);
    const reply = await askGateway(cwd, port);
    expect(reply.status).toBe(200);
    expect(JSON.parse(reply.body)).toMatchObject({ roles: ["carrier_dispatch"] });
    const events = readFileSync(join(cwd, "events.jsonl"), "utf8").trim().split("\n");
    expect(events.map((line) => (JSON.parse(line) as { event_type: string }).event_type)).toEqual([
      "authentication",
      "authorization",
    ]);
    expect(await runCli(["cert", "renew", "gateway", "--force"], { cwd })).toMatchObject({ code: 0 });
    await expect.poll(() => live.stderr).toContain("certificates reloaded");
    expect((await askGateway(cwd, port)).status).toBe(200);
    expect(await runCli(["cert", "revoke", "tms"], { cwd })).toMatchObject({ code: 0 });
    await expect
      .poll(() =>
        askGateway(cwd, port).then(
          () => "served",
          () => "refused",
        ),
      )
      .toBe("refused");
    expect((await stop()).code).toBe(143);
  });

  test.each(["none/events.jsonl", ".", "fifo"])("does not listen where it cannot audit: %s", async (log) => {
    const cwd = await gatewayProject();
    execFileSync("mkfifo", [join(cwd, "fifo")]);
    const result = await runCli(["gateway", "--listen", "127.0.0.1:0", "--echo", "--audit-log", log], {
      cwd,
    });
    expect(result.code).toBe(2);
    expect(result.stderr).not.toContain("listening on");
  });

  test("ends when an event cannot be written: what it lets in must be on record", async () => {
    const cwd = await gatewayProject();
    mkdirSync(join(cwd, "logs"));
    const { port, running } = await startGateway(cwd, "logs/events.jsonl");
    rmSync(join(cwd, "logs"), { recursive: true });
    expect(
      await askGateway(cwd, port).then(
        ({ status }) => status,
        () => "closed",
      ),
    ).not.toBe(200);
    expect(await running).toMatchObject({ code: 2 });
    await expect(askGateway(cwd, port)).rejects.toThrow();
  });

  test("a certificate that is not for servers is refused, and a role that no certificate can have", async () => {
    const cwd = await gatewayProject();
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
    const { directory: cwd } = testProject();
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
