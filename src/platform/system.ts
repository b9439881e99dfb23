import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { FleetsecError } from "../errors.ts";
import { nodeCrypto } from "./builtins.ts";
import { systemExec } from "./exec.ts";
import { systemFiles } from "./system-files.ts";
import { systemLocks } from "./lock.ts";
import { systemNetwork } from "./network.ts";
import type { Clock, Platform, TextSink } from "./platform.ts";

/** The real world. `signal` is aborted when the process is asked to end. */
export function systemPlatform(signal: AbortSignal): Platform {
  const clock: Clock = {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    async sleep(ms, abort = signal) {
      try {
        await delay(ms, undefined, { signal: abort });
      } catch {
        throw abort.reason;
      }
    },
  };
  return {
    clock,
    random: (length) => nodeCrypto().randomBytes(length),
    files: systemFiles,
    locks: systemLocks(clock),
    exec: systemExec(process.env),
    network: systemNetwork,
    env: process.env,
    cwd: process.cwd(),
    userState: join(process.env["XDG_STATE_HOME"] ?? join(homedir(), ".local", "state"), "fleetsec"),
    stdin: {
      // undefined at run time where it is no terminal
      get isTTY() {
        return "isTTY" in process.stdin && process.stdin.isTTY;
      },
      [Symbol.asyncIterator]: () => process.stdin[Symbol.asyncIterator](),
      close: () => {
        process.stdin.destroy();
      },
    },
    stdout: sink(process.stdout),
    stderr: sink(process.stderr),
    signal,
  };
}

/** A signal that SIGINT and SIGTERM abort; a second one ends the process at once. */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.once(name, () => {
      const code = name === "SIGINT" ? "interrupted" : "terminated";
      controller.abort(new FleetsecError(code, code));
    });
  }
  return controller.signal;
}

function sink(stream: NodeJS.WriteStream): TextSink {
  // A reader that went away (`| head`) is no fault of ours.
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  return {
    write: (text) => {
      stream.write(text);
    },
    // undefined at run time where the stream is no terminal
    isTTY: "isTTY" in stream && stream.isTTY,
    get columns() {
      return stream.columns ?? 80;
    },
  };
}
