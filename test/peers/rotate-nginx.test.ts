import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { testProject } from "../support/project.ts";
import { describeWithEngines } from "./engines.ts";
import { freePorts, startProcess } from "./process.ts";

describeWithEngines(["nginx"], "cert rotate of what nginx serves", ({ nginx }) => {
  async function served() {
    const project = testProject();
    await project.run(["ca", "init", "--insecure-dev-key"]);
    const names = ["--san", "ip:127.0.0.1", "--san", "dns:localhost"];
    await project.run(["cert", "issue", "gateway", "--role", "gateway", ...names]);
    const [port = 0] = await freePorts(1);
    const bundle = join(project.directory, ".fleetsec/certs/gateway/current/bundle.pem");
    const config = join(project.directory, "nginx.conf");
    writeFileSync(
      config,
      `pid nginx.pid; error_log error.log; daemon off;
events {}
http {
  access_log off;
  server { listen 127.0.0.1:${port} ssl; ssl_certificate "${bundle}"; ssl_certificate_key "${bundle}"; }
}
`,
    );
    const running = await startProcess(nginx.path, ["-p", project.directory, "-c", config], {
      cwd: project.directory,
      port,
    });
    onTestFinished(() => running.stop());
    const address = `127.0.0.1:${port}`;
    const serial = async () =>
      (await project.json(["cert", "inspect", address])).document.certificates[0].serial as string;
    const rotate = async (...flags: string[]) => {
      const argv = ["cert", "rotate", "gateway", "--force", "--rekey", "--confirm", address, ...flags];
      const { code, document } = await project.json(argv);
      return { code, ...document.certificates[0] };
    };
    // a worker that was told to quit may still take a connection before it does
    const serves = async (expected: string) => {
      while ((await serial()) !== expected);
    };
    return { project, config, serial, serves, rotate };
  }

  test("a reload by its pid file, or by a program, is seen to have worked", async () => {
    const { project, config, serial, serves, rotate } = await served();
    const first = await serial();
    const signalled = await rotate("--pid-file", "nginx.pid", "--confirm-timeout", "1m");
    expect(signalled).toMatchObject({ code: 0, outcome: "renewed" });
    expect(signalled.serial).not.toBe(first);
    await serves(signalled.serial);
    const reload = [nginx.path, "-p", project.directory, "-c", config, "-s", "reload"];
    const told = await rotate("--confirm-timeout", "1m", "--exec", ...reload);
    expect(told).toMatchObject({ code: 0, outcome: "renewed" });
    expect(told.serial).not.toBe(signalled.serial);
    await serves(told.serial);
  });

  test("a reload that nginx refuses is rolled back: what it goes on to serve is what lies on disk", async () => {
    const { project, config, serial, rotate } = await served();
    const before = await serial();
    writeFileSync(config, `${readFileSync(config, "utf8")}no_such_directive;\n`);
    const result = await rotate("--pid-file", "nginx.pid", "--confirm-timeout", "2s");
    expect(result).toMatchObject({ code: 1, outcome: "rolled-back", serial: before });
    expect(await serial()).toBe(before);
    const path = join(project.directory, ".fleetsec/certs/gateway/current/cert.pem");
    expect((await project.json(["cert", "inspect", path])).document.certificates[0].serial).toBe(before);
  });
});
