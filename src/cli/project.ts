import { resolve } from "node:path";
import { findConfig, loadConfig, type LoadedConfig, CONFIG_NAME } from "../config/load.ts";
import { FleetsecError } from "../errors.ts";
import type { Cli } from "./command.ts";

/** The configuration that this invocation works with, or undefined where there is none. */
export function findProject(cli: Cli): LoadedConfig | undefined {
  const { platform, options } = cli;
  const path =
    options.config === undefined
      ? findConfig(platform.files, platform.cwd)
      : resolve(platform.cwd, options.config);
  return path === undefined ? undefined : loadConfig(platform.files, path);
}

/** The same, for commands that cannot do without. @throws FleetsecError `config` */
export function requireProject(cli: Cli): LoadedConfig {
  const project = findProject(cli);
  if (project !== undefined) return project;
  throw new FleetsecError("config", `there is no ${CONFIG_NAME} here or above`, {
    hint: "run fleetsec init, or name one with --config",
  });
}
