import { resolve } from "node:path";
import type { LoadedConfig } from "../../config/load.ts";
import { durationFlag } from "../../duration.ts";
import { FleetsecError } from "../../errors.ts";
import {
  type ConfirmTarget,
  type Hook,
  reloadSignals,
  type ReloadSignal,
  type RotationTarget,
} from "../../pki/rotate/target.ts";
import { addressOf } from "../address.ts";
import type { Cli } from "../command.ts";
import { execWords } from "../exec-flag.ts";

export interface RotateFlags {
  readonly rekey?: true;
  readonly exec?: string;
  readonly pidFile?: string;
  readonly signal?: string;
  readonly confirm?: string;
  readonly confirmTimeout?: string;
}

type Configured = LoadedConfig["config"]["pki"]["rotation"][number];

const DEFAULT_CONFIRM_TIMEOUT = "15s";

/**
 * What is to be rotated, given the names that are in use: the names asked for, or else those and
 * the ones configured. Flags come before `pki.rotation`.
 * @throws FleetsecError `usage` for flags that make no sense
 */
export function targetsOf(
  cli: Cli,
  { config, directory }: LoadedConfig,
  names: readonly string[],
  flags: RotateFlags,
): (inUse: readonly string[]) => readonly RotationTarget[] {
  const hook = hookFlag(cli, flags);
  const confirm = confirmFlag(flags);
  if (confirm !== undefined && names.length !== 1) {
    throw new FleetsecError(
      "usage",
      "--confirm goes with exactly one NAME: an address serves one certificate",
      {
        hint: "for several, write pki.rotation in fleetsec.yaml",
      },
    );
  }
  const configured = new Map(config.pki.rotation.map((entry) => [entry.name, entry]));
  const targetOf = (name: string): RotationTarget => {
    const entry = configured.get(name);
    return {
      name,
      rekey: flags.rekey ?? entry?.rekey ?? false,
      hook: hook ?? (entry && configuredHook(entry, directory)),
      confirm: confirm ?? (entry && configuredConfirm(entry)),
    };
  };
  return (inUse) => {
    const chosen = names.length > 0 ? names : [...inUse, ...configured.keys()];
    return [...new Set(chosen)].map(targetOf);
  };
}

function hookFlag({ platform }: Cli, { exec, pidFile, signal }: RotateFlags): Hook | undefined {
  if (signal !== undefined && pidFile === undefined) {
    throw new FleetsecError("usage", "--signal goes with --pid-file");
  }
  if (exec === undefined && pidFile === undefined) return undefined;
  return {
    command: exec === undefined ? undefined : execWords(exec),
    process:
      pidFile === undefined
        ? undefined
        : { pidFile: resolve(platform.cwd, pidFile), signal: signalFlag(signal ?? "HUP") },
    cwd: platform.cwd,
  };
}

function signalFlag(text: string): ReloadSignal {
  const signal = reloadSignals.find((candidate) => candidate === text.replace(/^SIG/, ""));
  if (signal !== undefined) return signal;
  throw new FleetsecError("usage", `--signal is not a signal to reload by: ${text}`, {
    hint: `use ${reloadSignals.join(", ")}`,
  });
}

function confirmFlag({ confirm, confirmTimeout }: RotateFlags): ConfirmTarget | undefined {
  if (confirm === undefined) {
    if (confirmTimeout === undefined) return undefined;
    throw new FleetsecError("usage", "--confirm-timeout goes with --confirm");
  }
  const timeout = durationFlag(confirmTimeout ?? DEFAULT_CONFIRM_TIMEOUT, "--confirm-timeout") * 1000;
  return { ...addressOf(confirm, "--confirm"), timeout };
}

function configuredHook({ exec, pid_file, signal }: Configured, directory: string): Hook | undefined {
  const [program, ...args] = exec ?? [];
  if (program === undefined && pid_file === undefined) return undefined;
  return {
    command: program === undefined ? undefined : [program, ...args],
    process: pid_file === undefined ? undefined : { pidFile: resolve(directory, pid_file), signal },
    cwd: directory,
  };
}

function configuredConfirm({ confirm, confirm_timeout }: Configured): ConfirmTarget | undefined {
  if (confirm === undefined) return undefined;
  return { ...addressOf(confirm, "pki.rotation"), timeout: confirm_timeout * 1000 };
}
