import { relative } from "node:path";
import { MAX_CONFIG_BYTES } from "../../config/load.ts";
import { parseTarget } from "../../probe/target.ts";
import type { Place } from "../../report/report.ts";
import type { Cli } from "../command.ts";
import { findProject } from "../project.ts";

/** Where the configuration names a target: what code scanning and annotations point at. */
export function placesOfTargets(cli: Cli): (target: string) => Place | undefined {
  const project = findProject(cli);
  if (project === undefined) return () => undefined;
  const { files, cwd } = cli.platform;
  const lines = files.readText(project.path, MAX_CONFIG_BYTES).split("\n");
  const places = new Map(
    project.config.probe.targets.map((text) => {
      const index = lines.findIndex((line) => line.includes(text));
      const line = index < 0 ? 1 : index + 1;
      return [parseTarget(text).url, { path: relative(cwd, project.path), line }];
    }),
  );
  return (target) => places.get(target);
}
