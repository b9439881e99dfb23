import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { FleetsecError } from "../errors.ts";

export interface ExecOptions {
  readonly cwd?: string;
  /** Added to the inherited environment; undefined takes a variable out of it. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** How stdout and stderr become text; `latin1` makes each byte a character. UTF-8 unless told. */
  readonly encoding?: "utf8" | "latin1";
  readonly input?: string | Uint8Array;
  /** Milliseconds; 60,000 unless told. */
  readonly timeout?: number;
  /** Bytes kept of each stream; 1 MiB unless told. */
  readonly maxOutput?: number;
  readonly signal?: AbortSignal;
}

export interface ExecResult {
  /** `null` when the process was ended by a signal or a timeout. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

export interface Exec {
  /** The absolute path of a program on PATH, or undefined. */
  find(program: string): string | undefined;
  /**
   * Runs a program with an argument array, never through a shell.
   * A non-zero exit is a result, not an error.
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
      const { execa } = await import("execa");
      const result = await execa(program, args, {
        reject: false,
        stripFinalNewline: false,
        timeout: options.timeout ?? 60_000,
        maxBuffer: options.maxOutput ?? 1 << 20,
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
        // execa's own clean-up would raise a signal sent to us again, and end us before a command has stopped in order
        cleanup: false,
        extendEnv: false,
        env: { ...inherited, ...options.env },
        encoding: options.encoding ?? "utf8",
        ...(options.input === undefined ? { stdin: "ignore" as const } : { input: options.input }),
        ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
      });
      if (result.isCanceled) throw options.signal?.reason;
      if (result.code === "ENOENT" || result.code === "EACCES") {
        throw new FleetsecError("engine", `cannot run ${program}`, {
          hint: `install ${program}, or put it on PATH`,
          cause: result,
        });
      }
      return {
        exitCode: result.exitCode ?? null,
        stdout: result.stdout,
        stderr: result.stderr,
        timedOut: result.timedOut,
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
