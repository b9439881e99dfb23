import { FleetsecError } from "../../errors.ts";
import type { Exec, ExecOptions } from "../../platform/exec.ts";

/** A repository's directory, and git's own below it. */
export interface Repository {
  readonly path: string;
  readonly gitDirectory: string;
}

/**
 * Whatever the repository's configuration says, git runs no hook, monitor or helper and opens no
 * connection; the user's and the machine's configuration do not count, nor do variables that lead
 * elsewhere. Only plumbing commands are run, which have neither filters nor pagers nor editors.
 */
const CONFIG = ["core.hooksPath=/dev/null", "core.fsmonitor=false", "protocol.allow=never", "gc.auto=0"];
const UNSET = [
  "GIT_CONFIG_COUNT",
  "GIT_CONFIG_PARAMETERS",
  "GIT_OBJECT_DIRECTORY",
  "GIT_ALTERNATE_OBJECT_DIRECTORIES",
  "GIT_COMMON_DIR",
  "GIT_NAMESPACE",
  "GIT_INDEX_FILE",
  "GIT_WORK_TREE",
  "GIT_TRACE",
  "GIT_TRACE2",
] as const;
const ENVIRONMENT = {
  ...Object.fromEntries(UNSET.map((name) => [name, undefined])),
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_SYSTEM: "/dev/null",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_ATTR_NOSYSTEM: "1",
  GIT_NO_REPLACE_OBJECTS: "1",
  GIT_NO_LAZY_FETCH: "1",
  GIT_ALLOW_PROTOCOL: "none",
  GIT_OPTIONAL_LOCKS: "0",
  GIT_TERMINAL_PROMPT: "0",
  LC_ALL: "C",
};

/** Runs a plumbing command of git in a repository; its stdout has a character a byte. */
export async function git(
  exec: Exec,
  { gitDirectory }: Repository,
  args: readonly string[],
  options: Pick<ExecOptions, "input" | "maxOutput" | "signal"> = {},
): Promise<{ readonly ok: boolean; readonly stdout: string; readonly stderr: string }> {
  const config = CONFIG.flatMap((setting) => ["-c", setting]);
  const { exitCode, stdout, stderr } = await exec.run("git", [...config, ...args], {
    ...options,
    cwd: gitDirectory,
    // a directory that is named so is not looked for in those above it
    env: { ...ENVIRONMENT, GIT_DIR: gitDirectory },
    encoding: "latin1",
  });
  return { ok: exitCode === 0, stdout, stderr };
}

/** The same where it must succeed. @throws FleetsecError `engine` with what git says */
export async function mustGit(...args: Parameters<typeof git>): Promise<string> {
  const { ok, stdout, stderr } = await git(...args);
  if (ok) return stdout;
  const [, { path }, [command]] = args;
  const [said = ""] = stderr.trim().split("\n");
  throw new FleetsecError(
    "engine",
    `git ${command} failed in ${path}: ${said || "it wrote too much, or took too long"}`,
  );
}
