// @module-tag long
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { systemExec } from "../../src/platform/exec.ts";
import { configs } from "../scaffold/configs.ts";
import { runCli } from "../support/cli.ts";
import { scratch } from "../support/scratch.ts";
import { describeWithEngines } from "./engines.ts";

describeWithEngines(["systemd-analyze"], "scaffold systemd --check", ({ "systemd-analyze": analyze }) => {
  const scaffold = (directory: string) =>
    runCli(["scaffold", "systemd", "--check"], {
      cwd: directory,
      exec: systemExec({ PATH: dirname(analyze.path) }),
    });

  const project = (name: string, config: string) => {
    const directory = join(scratch(), name);
    mkdirSync(directory);
    writeFileSync(join(directory, "fleetsec.yaml"), config);
    return directory;
  };

  test.each(Object.entries(configs))(
    "systemd accepts the %s configuration, wherever it lies",
    async (_, config) => {
      for (const name of ["plain", "a b %h 'c\"d\\\\ é"]) {
        const directory = project(name, config);
        expect(await scaffold(directory)).toMatchObject({
          code: 0,
          stdout: expect.stringContaining("accepted  systemd"),
        });
      }
    },
  );

  // a setting that systemd cannot read is passed over with a warning: the service would run without it
  test.each([
    ["a value", "fleetsec-rotate.service", "ProtectSystem=strict", "ProtectSystem=strickt"],
    ["a setting", "fleetsec-rotate.service", "NoNewPrivileges", "NoNewPriviledges"],
    ["a program", "fleetsec-rotate-once.service", "/usr/bin/env", "/usr/bin/nope"],
    ["a time", "fleetsec-rotate.timer", "OnCalendar=*:0/5", "OnCalendar=*:0/x"],
  ])("%s that is wrong is refused", async (_, file, good, bad) => {
    const directory = project("broken", configs.plain);
    await scaffold(directory);
    const path = join(directory, "deploy/systemd", file);
    const edited = readFileSync(path, "utf8").replace(good, bad);
    expect(edited).toContain(bad);
    writeFileSync(path, edited);
    const { code, stdout } = await scaffold(directory);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^refused {2}systemd by systemd-analyze/m);
  });

  test("nothing that the service may do is more than it needs", async () => {
    const directory = project("security", configs.plain);
    await scaffold(directory);
    cpSync(join(directory, "deploy/systemd/fleetsec-rotate.service"), join(directory, "one.service"));
    const args = ["security", "--offline=yes", "--threshold=30", "./one.service"];
    const { exitCode, stdout } = await systemExec({}).run(analyze.path, args, { cwd: directory });
    // of 100, where less is less exposed; a service without any of it has 96
    expect({ exitCode, stdout: exitCode === 0 ? "" : stdout }).toEqual({ exitCode: 0, stdout: "" });
  });
});
