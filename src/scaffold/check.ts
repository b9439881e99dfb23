import { resolve } from "node:path";
import { FleetsecError } from "../errors.ts";
import type { Platform } from "../platform/platform.ts";
import { render, type Values } from "./render.ts";
import type { EngineCheck, Template } from "./template.ts";

export interface CheckResult {
  readonly template: string;
  readonly engine: string;
  /** The command line, for a person to repeat; never for a shell to parse. */
  readonly command: readonly string[];
  /** `not-run` where it could not be established. */
  readonly outcome: "accepted" | "refused" | "not-run";
  /** What the engine said, as it said it, or why it was not run: to be escaped before display. */
  readonly output: string;
  /** What to do where it was not run. */
  readonly hint?: string;
}

/** Where a template has been rendered to, and an empty directory in which its engines may leave what they like. */
export interface CheckPlace {
  readonly directory: string;
  readonly scratch: string;
}

type CheckPlatform = Pick<Platform, "exec" | "files" | "signal">;

const MAX_OUTPUT = 4 << 20;
/** Milliseconds. */
const TIMEOUT = 60_000;

/** Runs a template's engines over what has been rendered. Never throws for what an engine does. */
export async function check(
  platform: CheckPlatform,
  template: Template,
  values: Values,
  place: CheckPlace,
): Promise<CheckResult[]> {
  const missing = missingFile(platform, template, values, place);
  const results: CheckResult[] = [];
  for (const one of template.checks) {
    const args = one.arguments.map((argument) => render(argument, { ...values, ...place }, String));
    const attempted = { template: template.name, engine: one.engine, command: [one.engine, ...args] };
    const ended =
      missing === undefined
        ? await run(platform, one, args, place)
        : notRun(`${missing} does not exist`, "fleetsec ca init and fleetsec cert issue make it");
    results.push({ ...attempted, ...ended });
  }
  return results;
}

type Ended = Pick<CheckResult, "outcome" | "output" | "hint">;

function notRun(output: string, hint: string): Ended {
  return { outcome: "not-run", output, hint };
}

/** The first file that an engine would open and that is not there. */
function missingFile(
  { files }: CheckPlatform,
  template: Template,
  values: Values,
  { directory }: CheckPlace,
): string | undefined {
  const paths = template.needs.flatMap((name) => {
    const path = values[name];
    if (path === undefined) throw new Error(`${template.name} needs ${name}, which is no value`);
    return typeof path === "string" ? [resolve(directory, path)] : [];
  });
  return paths.find((path) => !exists(files, path));
}

/** Follows symlinks: `current` is one. */
function exists(files: Platform["files"], path: string): boolean {
  try {
    files.stat(path);
    return true;
  } catch (error) {
    if (error instanceof FleetsecError && error.code === "not-found") return false;
    throw error;
  }
}

async function run(
  { exec, signal }: CheckPlatform,
  { engine, install, silent }: EngineCheck,
  args: readonly string[],
  { directory }: CheckPlace,
): Promise<Ended> {
  const program = exec.find(engine);
  if (program === undefined) return notRun(`${engine} is not on PATH`, `get it: ${install}`);
  const { exitCode, stdout, stderr, timedOut } = await exec.run(program, args, {
    cwd: directory,
    timeout: TIMEOUT,
    maxOutput: MAX_OUTPUT,
    signal,
  });
  if (timedOut || exitCode === null) {
    return notRun(
      timedOut ? `no end within ${TIMEOUT / 1000} s` : "it was killed",
      "run the command by hand",
    );
  }
  const output = `${stdout}${stderr}`;
  return { outcome: exitCode === 0 && !(silent && output !== "") ? "accepted" : "refused", output };
}
