import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { commands } from "../../src/cli/commands.ts";
import { runCli } from "../support/cli.ts";
import { scratch } from "../support/scratch.ts";

/** What bash would offer after these words. */
async function offered(...words: string[]): Promise<string[]> {
  const script = join(scratch(), "completion.bash");
  writeFileSync(script, (await runCli(["completion", "bash"])).stdout);
  const list = words.map((word) => `'${word}'`).join(" ");
  const program = `source ${script}; COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _fleetsec; echo "\${COMPREPLY[*]}"`;
  return execFileSync("bash", ["-c", program], { encoding: "utf8" }).trim().split(" ");
}

describe("completion", () => {
  test("bash offers every command, and the flags of the one at hand", async () => {
    expect(await offered("fleetsec", "")).toEqual(expect.arrayContaining(commands.map(({ name }) => name)));
    expect(await offered("fleetsec", "comple")).toEqual(["completion"]);
    expect(await offered("fleetsec", "completion", "--js")).toEqual(["--json"]);
  });

  test("zsh and fish have theirs; another shell is a usage error", async () => {
    expect((await runCli(["completion", "zsh"])).stdout).toMatch(/^#compdef fleetsec\n/);
    expect((await runCli(["completion", "fish"])).stdout).toContain("complete -c fleetsec");
    expect(await runCli(["completion", "tcsh"])).toMatchObject({ code: 2, stdout: "" });
  });
});
