import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { systemExec } from "../../src/platform/exec.ts";
import { configs } from "../scaffold/configs.ts";
import { runCli } from "../support/cli.ts";
import { scratch } from "../support/scratch.ts";
import { describeWithEngines } from "./engines.ts";

describeWithEngines(["nginx", "envoy", "haproxy", "opa"], "scaffold --check", (engines) => {
  const path = Object.values(engines)
    .map((engine) => dirname(engine.path))
    .join(":");
  const fleetsec = (directory: string, ...argv: string[]) =>
    runCli(["--no-input", ...argv], {
      cwd: directory,
      exec: systemExec({ PATH: path }),
      userState: join(directory, "user-state"),
    });

  const project = async (config: string) => {
    const directory = scratch();
    writeFileSync(join(directory, "fleetsec.yaml"), config);
    const { gateway } = parse(config) as { gateway: { certificate?: string; server_name?: string } };
    expect(await fleetsec(directory, "ca", "init", "--insecure-dev-key")).toMatchObject({ code: 0 });
    const san = gateway.server_name === undefined ? [] : ["--san", `dns:${gateway.server_name}`];
    const issued = await fleetsec(
      directory,
      "cert",
      "issue",
      gateway.certificate ?? "gateway",
      "--role",
      "gateway",
      ...san,
    );
    expect(issued).toMatchObject({ code: 0 });
    return directory;
  };

  test.each(Object.entries(configs))("every engine accepts the %s configuration", async (_, config) => {
    const directory = await project(config);
    const { code, stdout } = await fleetsec(directory, "scaffold", "--check");
    expect(stdout.match(/^(accepted|refused|not-run) .*/gm)?.map((line) => line.replace(/:.*/, ""))).toEqual([
      "accepted  nginx by nginx",
      "accepted  envoy by envoy",
      "accepted  haproxy by haproxy",
      "accepted  opa by opa",
      "accepted  opa by opa",
    ]);
    expect(code).toBe(0);
  });

  // each edit is one that circulates, or a slip; the engine's own words must come through
  test.each([
    ["nginx", "nginx/nginx.conf", "ssl_verify_client on;", "ssl_verify_client;", "ssl_verify_client"],
    [
      "envoy",
      "envoy/envoy.yaml",
      "require_client_certificate: true",
      "require_client_certificat: true",
      "'require_client_certificat'",
    ],
    ["haproxy", "haproxy/haproxy.cfg", "verify required", "verify requires", "verify"],
    ["opa", "opa/policy/gateway.rego", "default allow := false", "allow { true }", "rego_parse_error"],
    ["opa", "opa/policy/gateway.rego", "\tidentity.trusted\n", "", "FAIL"],
    ["opa", "opa/test/log_test.rego", "test_a_query", "not_run_a_query", "coverage"],
  ])("%s refuses a broken %s", async (template, file, good, bad, words) => {
    const directory = await project(configs.plain);
    await fleetsec(directory, "scaffold", template);
    const at = join(directory, "deploy", file);
    const edited = readFileSync(at, "utf8").replace(good, bad);
    expect(edited).not.toBe(readFileSync(at, "utf8"));
    writeFileSync(at, edited);
    const { code, stdout } = await fleetsec(directory, "scaffold", template, "--check");
    expect(code).toBe(1);
    expect(stdout).toMatch(new RegExp(`^refused  ${template} by ${template}`, "m"));
    expect(stdout).toContain(words);
  });
});
