import { setMaxListeners } from "node:events";
import { homedir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { FleetsecError } from "../errors.ts";
import { nodeCrypto } from "./builtins.ts";
import { systemExec } from "./exec.ts";
import { systemFiles } from "./system-files.ts";
import { systemLocks } from "./lock.ts";
import { systemNetwork } from "./network.ts";
import { lazyTokens } from "./pkcs11/lazy.ts";
import type { TokenSettings } from "./pkcs11/session.ts";
import type { Clock, Platform, Terminal } from "./platform.ts";
import { readSecretFile } from "./secret-file.ts";
import { systemTerminal } from "./terminal.ts";
import { systemThreads } from "./threads.ts";

/** The real world. `signal` is aborted when the process is asked to end. */
export function systemPlatform(signal: AbortSignal, terminal: Terminal = systemTerminal()): Platform {
  // requests side by side each pause with an ear on it: no leak that Node should warn of
  setMaxListeners(0, signal);
  const clock: Clock = {
    now: () => Date.now(),
    // the same on all threads, as performance.now is not
    monotonic: () => Number(process.hrtime.bigint()) / 1e6,
    async sleep(ms, abort = signal) {
      abort.throwIfAborted();
      // a timer takes a millisecond at least
      if (ms <= 0) {
        await turn();
        return abort.throwIfAborted();
      }
      // by hand: the library's own costs an error with its stack for each sleep that is cut short
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => {
          abort.removeEventListener("abort", stop);
          resolve();
        }, ms);
        const stop = () => {
          clearTimeout(timer);
          reject(abort.reason as Error);
        };
        abort.addEventListener("abort", stop, { once: true });
      });
    },
  };
  return {
    ...terminal,
    clock,
    random: (length) => nodeCrypto().randomBytes(length),
    files: systemFiles,
    locks: systemLocks(clock),
    exec: systemExec(process.env),
    network: systemNetwork,
    tokens: lazyTokens(tokenSettings(process.env)),
    threads: systemThreads(new URL("../worker.js", import.meta.url)),
    // V8 lets the heap grow by a third of what lives, not to four times that, and collects more often for it
    saveMemory: () => process.getBuiltinModule("node:v8").setFlagsFromString("--optimize-for-size"),
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
    signal,
    onHangup(listener) {
      process.on("SIGHUP", listener);
      return () => process.off("SIGHUP", listener);
    },
  };
}

/**
 * A signal that SIGINT and SIGTERM abort; a second one ends the process at once. So does SIGHUP, as when
 * a terminal goes, unless a command listens to it: what holds locks and runs programs must not be cut off.
 */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.once(name, () => {
      const code = name === "SIGINT" ? "interrupted" : "terminated";
      controller.abort(new FleetsecError(code, code));
    });
  }
  const hangUp = () => {
    if (process.listenerCount("SIGHUP") > 1) return;
    process.off("SIGHUP", hangUp);
    controller.abort(new FleetsecError("terminated", "terminated"));
  };
  process.on("SIGHUP", hangUp);
  return controller.signal;
}

/** Bytes. */
const MAX_PIN = 4096;

function tokenSettings(environment: NodeJS.ProcessEnv): TokenSettings {
  const set = (name: string) => (environment[name] === "" ? undefined : environment[name]);
  return {
    pin: set("FLEETSEC_PIN"),
    readPin: (path) => readSecretFile(systemFiles, path, MAX_PIN).replace(/\r?\n$/, ""),
    library: set("FLEETSEC_PKCS11_MODULE"),
    modules: set("FLEETSEC_MODULES"),
  };
}
