import { FleetsecError } from "../../errors.ts";
import type { Cli } from "../command.ts";
import { findProject } from "../project.ts";

/** The project's log. @throws FleetsecError `usage` where there is no project */
export function projectOrigin(cli: Cli): string {
  const { logs, domain } = findProject(cli)?.config ?? {};
  if (domain !== undefined) return logs?.origin ?? `${domain}/audit`;
  throw new FleetsecError("usage", "there is no --origin, and no fleetsec.yaml that names one", {
    hint: "name the log with --origin, e.g. fleet.internal/audit",
  });
}
