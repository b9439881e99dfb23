import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { commands } from "../../src/cli/commands.ts";
import { valuesOf } from "../../src/cli/completion/values.ts";
import { createProgram } from "../../src/cli/program.ts";
import { revocationReasons } from "../../src/pki/inventory-line.ts";
import { openInventory } from "../../src/pki/inventory.ts";
import { systemPlatform } from "../../src/platform/system.ts";
import { attacks } from "../../src/probe/attacks.ts";
import { runCli } from "../support/cli.ts";
import { testProject, type TestProject } from "../support/project.ts";
import { schemaErrors } from "../support/schema.ts";
import { scratch } from "../support/scratch.ts";

/** What is offered after these words, in a directory without a project unless there is one. */
async function offered(words: readonly string[], project?: TestProject): Promise<string[]> {
  const argv = ["completion", "offer", "--", ...words];
  const run = project === undefined ? runCli(argv, { cwd: scratch(), env: {} }) : project.run(argv);
  const { code, stdout, stderr } = await run;
  expect([code, stderr]).toEqual([0, ""]);
  return stdout.split("\n").filter((line) => line !== "");
}

async function withNames(): Promise<TestProject> {
  const project = testProject();
  await project.run(["ca", "init", "--insecure-dev-key"]);
  for (const name of ["truck-1", "truck-2", "truck-2"]) {
    await project.run(["cert", "issue", name, "--role", "fleet-edge"]);
  }
  return project;
}

describe("completion offers", () => {
  test("every command, its subcommands, and the flags of the one at hand", async () => {
    expect(await offered([""])).toEqual(commands.map(({ name }) => name));
    expect(await offered(["comple"])).toEqual(["completion"]);
    expect(await offered(["cert", "re"])).toEqual(["renew", "revoke"]);
    expect(await offered(["completion", "--js"])).toEqual(["--json"]);
    expect(await offered(["cert", "issue", "--key"])).toEqual(["--key-type", "--key"]);
    expect(await offered(["nosuch", ""])).toEqual([]);
  });

  test.each<[readonly string[], readonly string[]]>([
    [["cert", "revoke", "x", "--reason", "key"], ["keyCompromise"]],
    [
      ["cert", "verify", "--purpose", ""],
      ["client", "server"],
    ],
    [["cert", "list", "--status", "s"], ["superseded"]],
    [
      ["cert", "issue", "x", "--key-type", "p"],
      ["p256", "p384"],
    ],
    [
      ["cert", "rotate", "--signal", ""],
      ["HUP", "USR1", "USR2"],
    ],
    [
      ["logs", "keygen", "--type", ""],
      ["ed25519", "p256"],
    ],
    [["logs", "import", "--format", "e"], ["envoy"]],
    [
      ["init", "--ci", "git"],
      ["github", "gitlab"],
    ],
    [["init", "--gateway", "nginx", "h"], ["haproxy"]],
    [["probe", "https://a", "--report", "js"], ["json="]],
    [
      ["cert", "issue", "--report", ""],
      ["csv=", "json="],
    ],
    [["completion", "z"], ["zsh"]],
    [["scaffold", "--dry-run", "ngi"], ["nginx"]],
    [["scaffold", "nginx", "enve", "env"], ["envoy"]],
    // as zsh and fish, and as bash have it
    [["cert", "revoke", "x", "--reason=key"], ["--reason=keyCompromise"]],
    [["cert", "revoke", "x", "--reason", "="], revocationReasons],
    [["cert", "revoke", "x", "--reason", "=", "key"], ["keyCompromise"]],
  ])("values that can be counted: %j", async (words, expected) => {
    expect(await offered(words)).toEqual(expected);
  });

  test("the attacks, one after the other", async () => {
    const ids = attacks.map(({ id }) => id);
    for (const flag of ["--attack", "--skip", "--require"]) {
      expect(await offered(["probe", flag, ids[0] ?? "", ""])).toEqual(ids);
    }
    expect(await offered(["probe", "--attack", ids[0] ?? "", "--sk"])).toEqual(["--skip"]);
  });

  test("names of certificates and of roles, where there is a project", async () => {
    const project = await withNames();
    for (const command of ["renew", "revoke", "rotate", "needs-renewal", "issue"]) {
      expect(await offered(["cert", command, "tr"], project)).toEqual(["truck-1", "truck-2"]);
      expect(await offered(["cert", command, ""])).toEqual([]);
    }
    expect(await offered(["gateway", "--name", ""], project)).toEqual(["truck-1", "truck-2"]);
    expect(await offered(["cert", "issue", "x", "--role", "f"], project)).toEqual(["fleet-edge"]);
    const config = join(project.directory, "fleetsec.yaml");
    expect(await offered(["--config", config, "cert", "issue", "x", "--role", "f"])).toEqual(["fleet-edge"]);
    writeFileSync(config, "version: [");
    expect(await offered(["cert", "issue", "x", "--role", ""], project)).toEqual([]);
  });

  test("nothing that a shell would expand", async () => {
    const project = await withNames();
    const { files } = systemPlatform(new AbortController().signal);
    const inventory = openInventory(files, join(project.directory, ".fleetsec/inventory.jsonl"));
    const [entry] = inventory.entries();
    if (entry === undefined) throw new Error("nothing was issued");
    inventory.append([{ ...entry.issued, name: "$(touch owned)", serial: "0123456789ABCDEF" }]);
    expect(await offered(["cert", "renew", ""], project)).toEqual(["truck-1", "truck-2"]);
  });

  test.each([
    [["cert", "verify", ""]],
    [["cert", "sign", "a"]],
    [["cert", "issue", "--from", ""]],
    [["ca", "bundle", "--out", ""]],
    [["cert", "inspect", "--crl", "x"]],
    [["verify-logs", "--trust", ""]],
    [["logs", "sign", "--in", "a", ""]],
    [["cert", "rotate", "--exec", ""]],
  ])("files: %j", async (words) => {
    expect(await offered(words)).toEqual([":files"]);
  });

  test("something that was thought of, for every flag and argument there is", async () => {
    const sink = { write: () => {}, isTTY: false, columns: 80 };
    const terminal = { stdout: sink, stderr: sink, env: {} } as never;
    const program = await createProgram(
      terminal,
      () => async () => {},
      () => true,
    );
    const forgotten: string[] = [];
    const visit = (command: Command, path: string) => {
      for (const { flags, long } of command.options) {
        const [, placeholder] = /[<[](.*)[>\]]$/.exec(flags) ?? [];
        if (placeholder !== undefined && valuesOf(`${path} ${long}`, placeholder) === undefined) {
          forgotten.push(`${path} ${flags}`);
        }
      }
      for (const argument of command.registeredArguments) {
        const place = `${path} ${argument.name()}`;
        if (valuesOf(place, argument.name()) === undefined) forgotten.push(place);
      }
      for (const child of command.commands) visit(child, `${path} ${child.name()}`.trim());
    };
    visit(program, "");
    expect(forgotten).toEqual([]);
  });
});

describe("completion scripts", () => {
  test("are of bash, zsh and fish; another shell is a usage error", async () => {
    expect((await runCli(["completion", "zsh"])).stdout).toMatch(/^#compdef fleetsec\n/);
    expect((await runCli(["completion", "fish"])).stdout).toContain("complete -c fleetsec");
    for (const shell of ["tcsh", "__proto__"]) {
      expect(await runCli(["completion", shell])).toMatchObject({ code: 2, stdout: "" });
    }
  });

  test("are documents with --json, as offers are", async () => {
    for (const words of [["zsh"], ["offer", "--", "cert", "verify", "--purpose", ""]]) {
      const { stdout } = await runCli(["--json", "completion", ...words]);
      expect(schemaErrors(JSON.parse(stdout))).toEqual([]);
    }
  });

  test("bash asks with its words, and takes what it is given", async () => {
    const directory = scratch();
    const script = join(directory, "completion.bash");
    writeFileSync(script, (await runCli(["completion", "bash"])).stdout);
    const program = `
      fleetsec() { printf '<%s>' "$@" >&3; printf '%s\\n' one 'two words' :files; }
      source ${script}
      COMP_WORDS=(fleetsec cert issue --role = 'a b'); COMP_CWORD=5
      _fleetsec 3>${directory}/asked
      printf '[%s]' "\${COMPREPLY[@]}"
      complete -p fleetsec`;
    const stdout = execFileSync("bash", ["-c", program], { encoding: "utf8", cwd: directory });
    expect(stdout).toBe("[one][two words]complete -o default -F _fleetsec fleetsec\n");
    expect(execFileSync("cat", [join(directory, "asked")], { encoding: "utf8" })).toBe(
      "<completion><offer><--><cert><issue><--role><=><a b>",
    );
  });
});
