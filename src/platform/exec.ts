import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { FleetsecError } from "../errors.ts";
import { runChild } from "./child.ts";

export interface ExecOptions {
  readonly cwd?: string;
  /** Added to the inherited environment; undefined takes a variable out of it. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** How stdout and stderr become text; `latin1` makes each byte a character. UTF-8 unless told. */
  readonly encoding?: "utf8" | "latin1";
  readonly input?: string | Uint8Array;
  /** Milliseconds; 60,000 unless told. */
  readonly timeout?: number;
  /** Bytes kept of each stream; 1 MiB unless told. A program that writes more is ended. */
  readonly maxOutput?: number;
  /** Ends it, and its reason is thrown. */
  readonly signal?: AbortSignal;
  /** Milliseconds that it may go on for after that; none unless told. */
  readonly linger?: number;
}

export interface ExecResult {
  /** `null` when the process was ended by a signal, a timeout or for its output. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
  /** Whether it was ended as it wrote more than is kept. */
  readonly overflowed: boolean;
}

export interface Exec {
  /** The absolute path of a program on PATH, or undefined. */
  find(program: string): string | undefined;
  /**
   * Runs a program with an argument array, never through a shell.
   * A non-zero exit is a result, not an error. It has ended when its process has, whatever that leaves
   * running. Where time is up or the signal came, all of its process group is ended.
   * @throws FleetsecError `engine` when the program cannot be started
   */
  run(program: string, args: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /**
   * Sends a signal to a process, and says whether there is one of that id.
   * @throws FleetsecError `permission` for somebody else's process
   */
  signal(pid: number, signal: "HUP" | "USR1" | "USR2"): boolean;
}

/** Runs programs with the environment given, less fleetsec's own variables: those may be secrets. */
export function systemExec(environment: NodeJS.ProcessEnv): Exec {
  const inherited = Object.fromEntries(
    Object.entries(environment).filter(([name]) => !name.startsWith("FLEETSEC_")),
  );
  const find = (program: string): string | undefined =>
    (environment["PATH"] ?? "")
      .split(delimiter)
      .filter((directory) => directory !== "")
      .map((directory) => join(directory, program))
      .find(isExecutable);

  return {
    find,
    async run(program, args, options = {}) {
      const { signal, linger = 0, encoding = "utf8" } = options;
      if (linger === 0) signal?.throwIfAborted();
      const result = await runChild({
        program,
        args,
        cwd: options.cwd,
        env: { ...inherited, ...options.env },
        input: options.input,
        timeout: options.timeout ?? 60_000,
        maxOutput: options.maxOutput ?? 1 << 20,
        signal,
        linger,
      }).catch((cause: unknown) => {
        throw new FleetsecError("engine", `cannot run ${program}`, {
          hint: `install ${program}, or put it on PATH`,
          cause,
        });
      });
      if (result.cut === "signal") throw signal?.reason;
      return {
        exitCode: result.cut === undefined ? result.exitCode : null,
        stdout: result.stdout.toString(encoding),
        stderr: result.stderr.toString(encoding),
        timedOut: result.cut === "timeout",
        overflowed: result.cut === "output",
      };
    },
    signal(pid, signal) {
      try {
        return process.kill(pid, `SIG${signal}`);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === "ESRCH") return false;
        if (code !== "EPERM") throw error;
        throw new FleetsecError("permission", `no permission to signal process ${pid}`, { cause: error });
      }
    },
  };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
