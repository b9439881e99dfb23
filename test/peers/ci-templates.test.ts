import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { initialConfig } from "../../src/config/initial.ts";
import { systemExec } from "../../src/platform/exec.ts";
import { parseXml } from "../report/support/xml.ts";
import { runCli } from "../support/cli.ts";
import { scratch } from "../support/scratch.ts";
import { configs } from "../scaffold/configs.ts";
import { describeWithEngines } from "./engines.ts";
import { freePorts } from "./process.ts";

const FLEETSEC = fileURLToPath(new URL("../../bin/fleetsec.js", import.meta.url));

describeWithEngines(["actionlint", "check-jsonschema"], "CI templates", (engines) => {
  const path = Object.values(engines)
    .map((engine) => dirname(engine.path))
    .join(delimiter);
  const scaffold = (directory: string, ...argv: string[]) =>
    runCli(["scaffold", "ci-github", "ci-gitlab", ...argv], {
      cwd: directory,
      exec: systemExec({ PATH: path }),
      userState: join(directory, "user-state"),
    });

  test.each(Object.entries(configs))("are right for the %s configuration", async (_, config) => {
    const directory = scratch();
    writeFileSync(join(directory, "fleetsec.yaml"), config);
    const { code, stdout } = await scaffold(directory, "--check");
    expect(stdout.match(/^(accepted|refused|not-run) {2}\S+/gm)).toEqual([
      "accepted  ci-github",
      "accepted  ci-gitlab",
    ]);
    expect(code).toBe(0);
  });

  test.each([
    [".github/workflows/fleetsec.yml", "runs-on:", "run-on:", "run-on"],
    [".github/workflows/fleetsec.yml", "!cancelled()", "!canceled()", "canceled"],
    [".gitlab-ci.yml", "when: always", "when: ever", "ever"],
  ])("a slip in %s is found", async (file, good, bad, words) => {
    const directory = scratch();
    writeFileSync(join(directory, "fleetsec.yaml"), configs.plain);
    await scaffold(directory);
    const text = readFileSync(join(directory, file), "utf8");
    expect(text).toContain(good);
    writeFileSync(join(directory, file), text.replace(good, bad));
    const { code, stdout } = await scaffold(directory, "--check");
    expect(code).toBe(1);
    expect(stdout).toMatch(/^refused /m);
    expect(stdout).toContain(words);
  });

  /** The shell of a job, but for the installation. */
  function scripts(directory: string, service: "github" | "gitlab") {
    if (service === "github") {
      const { jobs } = parse(readFileSync(join(directory, ".github/workflows/fleetsec.yml"), "utf8")) as {
        jobs: { probe: { env: Record<string, unknown>; steps: { run?: string }[] } };
      };
      return { env: jobs.probe.env, lines: jobs.probe.steps.flatMap(({ run }) => run ?? []) };
    }
    const job = (
      parse(readFileSync(join(directory, ".gitlab-ci.yml"), "utf8")) as {
        "fleetsec-probe": { variables: Record<string, unknown>; script: string[] };
      }
    )["fleetsec-probe"];
    return { env: job.variables, lines: job.script };
  }

  test.each(["github", "gitlab"] as const)(
    "the %s job starts the gateway, probes it and leaves its reports",
    { timeout: 180_000 },
    async (service) => {
      const directory = scratch();
      const [port = 0] = await freePorts(1);
      const config = initialConfig({ name: "acme", domain: "fleet.internal", gateways: ["nginx"] });
      writeFileSync(join(directory, "fleetsec.yaml"), config.replaceAll(":8443", `:${port}`));
      await scaffold(directory);
      const programs = scratch();
      for (const [name, body] of [
        ["fleetsec", `exec "${process.execPath}" "${FLEETSEC}" "$@"`],
        ["npm", "exit 0"],
      ] as const) {
        writeFileSync(join(programs, name), `#!/bin/sh\n${body}\n`);
        chmodSync(join(programs, name), 0o755);
      }
      const { env, lines } = scripts(directory, service);
      // -e as both services have it; the gateway ends with the job
      const script = `${lines.join("\n")}\nstatus=$?\nkill %1\nexit $status\n`;
      const child = spawn("bash", ["-e", "-o", "pipefail", "-m", "-c", script], {
        cwd: directory,
        stdio: ["ignore", "pipe", "pipe"],
        detached: true,
        env: {
          ...Object.fromEntries(Object.entries(env).map(([name, value]) => [name, String(value)])),
          PATH: `${programs}${delimiter}${process.env["PATH"] ?? ""}`,
          HOME: directory,
        },
      });
      let said = "";
      for (const stream of [child.stdout, child.stderr])
        stream.on("data", (chunk) => (said += String(chunk)));
      const [status] = (await once(child, "close")) as [number];
      expect(`${said}\nexit ${status}`).toMatch(/\nexit 0$/);
      const report = parseXml(readFileSync(join(directory, "reports/probe.xml"), "utf8"));
      expect(report.attributes).toMatchObject({ failures: "0", errors: "0" });
      expect(Number(report.attributes["tests"])).toBeGreaterThan(20);
      for (const name of ["probe.sarif", "probe.html", "probe.json"]) {
        expect(existsSync(join(directory, "reports", name))).toBe(true);
      }
    },
  );
});
