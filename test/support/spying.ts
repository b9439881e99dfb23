import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { type Ended, start } from "../e2e/processes.ts";
import type { TestProject } from "./project.ts";
import { scratch } from "./scratch.ts";

/** Programs that keep what is to be seen of them and of their parent. */
export interface Spies {
  /**
   * The path of one, as a program of that name in a directory that has nothing else.
   * @param standsFor what it then runs with its arguments
   */
  program(name: string, standsFor?: readonly string[]): string;
  /** How many have run. */
  count(): number;
  /** Where a text stands in what they kept: `environ`, `core`, … */
  seen(secret: string | Buffer): readonly string[];
}

const BIN = fileURLToPath(new URL("../../bin/fleetsec.js", import.meta.url));
const SPY = fileURLToPath(new URL("spy.mjs", import.meta.url));

export function spies(): Spies {
  const [kept, programs] = [scratch(), scratch()];
  const files = () => filesBelow(kept);
  return {
    program(name, standsFor = []) {
      const directory = join(programs, `${readdirSync(programs).length}`);
      mkdirSync(directory);
      const path = join(directory, name);
      const words = [process.execPath, SPY, kept, ...standsFor, "--"].map((word) => `'${word}'`);
      writeFileSync(path, `#!/bin/sh\nexec ${words.join(" ")} "$@"\n`, { mode: 0o700 });
      return path;
    },
    count: () => files().filter((path) => path.endsWith("/done")).length,
    seen: (secret) =>
      [...new Set(holding(files(), secret).map((path) => path.slice(path.lastIndexOf("/") + 1)))].sort(),
  };
}

/** The regular files below a directory. */
function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);
}

/** Those that hold a text. */
function holding(files: readonly string[], secret: string | Buffer): string[] {
  return files.filter((path) => readFileSync(path).includes(secret));
}

/** Well before the test is given up, which says less: milliseconds. */
const HANGS = 120_000;

/** Each thread of a process, and what in the kernel it waits for. */
function threadsOf(pid: number): string[] {
  const tasks = `/proc/${pid}/task`;
  const read = (task: string, name: string) => readFileSync(join(tasks, task, name), "utf8").trim();
  return readdirSync(tasks).map((task) => `${read(task, "comm")}: ${read(task, "wchan")}`);
}

/**
 * What a secret is found in that a process gives to its child in every way there is: the control of
 * each search. Whether a process that dies leaves a core file is the kernel's to say.
 */
export function leaksOf(secret: string): readonly string[] {
  const spying = spies();
  const env = { PATH: process.env["PATH"], SECRET: secret };
  const { status } = spawnSync(spying.program("careless"), [secret], { env });
  expect([status, spying.count()]).toEqual([0, 1]);
  return spying.seen(secret);
}

/** Runs command lines as processes of their own, and looks for secrets in all that they leave. */
export interface Watched {
  /** Writes a file of mode 0600 that is not looked at, and gives its path. */
  readonly file: (name: string, text: string) => string;
  /** @param env beside ours */
  readonly run: (
    words: readonly string[],
    env: Readonly<Record<string, string>>,
    code?: number,
  ) => Promise<void>;
  /** Where a secret was seen or is left: by a spy, in the outputs, or below the project and the user's state. */
  readonly leaks: (secret: string | Buffer) => readonly string[];
}

export function watched(project: TestProject, spying: Spies): Watched {
  const secrets = scratch();
  const all: Ended[] = [];
  return {
    file: (name, text) => {
      const path = join(secrets, name);
      writeFileSync(path, `${text}\n`, { mode: 0o600 });
      return path;
    },
    run: async (words, env, code = 0) => {
      const home = { XDG_STATE_HOME: project.userState, HOME: project.userState };
      const { child, ended: ending } = start(project.directory, [BIN, ...words], { ...home, ...env });
      let hung: readonly string[] = [];
      const timer = setTimeout(() => {
        hung = threadsOf(child.pid ?? 0);
        child.kill("SIGKILL");
      }, HANGS);
      const ended = await ending.finally(() => clearTimeout(timer));
      all.push(ended);
      expect({ words, hung, ...ended }).toMatchObject({ words, hung: [], code });
    },
    leaks: (secret) => [
      ...spying.seen(secret),
      ...all
        .flatMap(({ stdout, stderr }) => [stdout, stderr])
        .filter((text) => Buffer.from(text).includes(secret)),
      ...holding([...filesBelow(project.directory), ...filesBelow(project.userState)], secret),
    ],
  };
}
