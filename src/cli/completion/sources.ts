import type { Cli } from "../command.ts";
import { findProject } from "../project.ts";
import { TEMPLATE_LIBRARY } from "../package-files.ts";

/** Words that the project has, or that are known to some part of the program. */
export type Source = "names" | "roles" | "templates" | (() => Promise<readonly string[]>);

/** Each list where it is at home; loaded when it is asked for. */
export const configless = {
  attacks: async () => (await import("../../probe/attacks.ts")).attacks.map(({ id }) => id),
  ciServices: async () => ["github", "gitlab"],
  gateways: async () => (await import("../../config/gateway-schema.ts")).gatewayKinds,
  importFormats: async () => (await import("../../logs/import/import.ts")).importFormats,
  keyTypes: async () => (await import("../../config/pki-schema.ts")).keyTypes,
  logKeyTypes: async () => ["ed25519", "p256"],
  purposes: async () => ["client", "server"],
  reasons: async () => (await import("../../pki/inventory-line.ts")).revocationReasons,
  reportFormats: async () => (await import("../../report/formats.ts")).FORMATS.map((format) => `${format}=`),
  rosterReports: async () => ["csv=", "json="],
  shells: async () => Object.keys((await import("./scripts.ts")).scripts),
  signals: async () => (await import("../../pki/rotate/target.ts")).reloadSignals,
  statuses: async () => (await import("../../pki/list.ts")).certificateStatuses,
} as const satisfies Readonly<Record<string, () => Promise<readonly string[]>>>;

/**
 * The words of a source. Without a project there are none of its own.
 * @throws FleetsecError where the configuration or the inventory cannot be read
 */
export async function wordsFrom(cli: Cli, source: Source): Promise<readonly string[]> {
  switch (source) {
    case "names":
      return namesIn(cli);
    case "roles":
      return Object.keys(findProject(cli)?.config.pki.roles ?? {});
    case "templates": {
      const { templateNames } = await import("../../scaffold/template.ts");
      return templateNames(cli.platform.files, TEMPLATE_LIBRARY);
    }
    default:
      return source();
  }
}

/** Names that have files, as the inventory knows them. */
async function namesIn(cli: Cli): Promise<readonly string[]> {
  const found = findProject(cli);
  if (found === undefined) return [];
  const { pkiProject } = await import("../pki-project.ts");
  const { stateLayout } = await import("../../pki/state.ts");
  const { openInventory } = await import("../../pki/inventory.ts");
  const { files } = cli.platform;
  const { inventory } = stateLayout(pkiProject(found.config, found.directory).stateDirectory);
  if (files.kind(inventory) === undefined) return [];
  const entries = openInventory(files, inventory).entries();
  return entries.filter(({ issued }) => issued.files !== undefined).map(({ issued }) => issued.name);
}
