import { resolve } from "node:path";
import { FleetsecError } from "../../errors.ts";
import type { Cli } from "../command.ts";
import { findProject } from "../project.ts";

/** The log's directory: the flag's, or the project's. @throws FleetsecError `usage` where there is neither */
export function storeOf(cli: Cli, flag: string | undefined): string {
  if (flag !== undefined) return resolve(cli.platform.cwd, flag);
  const project = findProject(cli);
  if (project !== undefined) return resolve(project.directory, project.config.logs.store);
  throw new FleetsecError("usage", "there is no --store, and no fleetsec.yaml that names one", {
    hint: "name the directory of the log with --store",
  });
}
