import { resolve } from "node:path";
import type { LoadedConfig } from "../../config/load.ts";
import { FleetsecError } from "../../errors.ts";
import { MAX_OPENAPI, parseOpenApi } from "../../probe/openapi/document.ts";
import { type Expanded, expand } from "../../probe/openapi/operations.ts";
import type { Cli } from "../command.ts";
import type { ProbeFlags } from "./flags.ts";

/**
 * The operations of the OpenAPI documents that are named: by flags, otherwise in the configuration.
 * @param configured whether those of the configuration are wanted
 * @throws FleetsecError `usage` for half of a pair, `input` for documents that are not what they should be
 */
export function openApiTargets(
  cli: Cli,
  flags: ProbeFlags,
  project: LoadedConfig | undefined,
  configured: boolean,
): Expanded {
  const { openapi, baseUrl } = flags;
  if ((openapi === undefined) !== (baseUrl === undefined)) {
    throw new FleetsecError("usage", "--openapi and --base-url need each other", {
      hint: "give --openapi api.yaml --base-url https://HOST:PORT",
    });
  }
  const settings = project?.config.probe;
  const fromConfig = (settings?.openapi ?? []).map(({ file, base_url }) => ({
    file: resolve(project?.directory ?? "", file),
    base: base_url,
  }));
  const documents =
    openapi !== undefined && baseUrl !== undefined
      ? [{ file: openapi, base: baseUrl }]
      : configured
        ? fromConfig
        : [];
  const allowed = flags.allowUnsafeMethods ?? settings?.allow_unsafe_methods ?? false;
  const { files, cwd } = cli.platform;
  const expanded = documents.map(({ file, base }) =>
    expand(parseOpenApi(files.readText(resolve(cwd, file), MAX_OPENAPI), file), base, allowed),
  );
  return {
    targets: expanded.flatMap(({ targets }) => targets),
    leftOut: expanded.flatMap(({ leftOut }) => leftOut),
  };
}
