import type { LoadedConfig } from "../../config/load.ts";
import type { Authority } from "../../pki/authority.ts";
import type { GeneralName } from "../../pki/general-name.ts";
import type { Cli } from "../command.ts";
import { givenPassphrase, passphraseSource, type PassphraseFlags, type PkiProject } from "../pki-project.ts";

/** What was there already is `kept`. */
export interface Provided {
  readonly what: string;
  readonly action: "created" | "kept";
}

/** The passphrase that this invocation brings along for a new CA. @throws FleetsecError where it cannot be one */
export async function newPassphrase(cli: Cli, flags: PassphraseFlags): Promise<string | undefined> {
  const given = await givenPassphrase(cli, flags);
  if (given === undefined) return undefined;
  const { checkNewPassphrase } = await import("../../pki/passphrase.ts");
  return checkNewPassphrase(given);
}

/**
 * The CA of a project, made where there is none.
 * @param passphrase of a new one; a random one is kept in the user's own state where there is none
 */
export async function provideCa(
  cli: Cli,
  project: PkiProject,
  flags: PassphraseFlags,
  passphrase: string | undefined,
): Promise<{ authority: Authority; provided: Provided }> {
  const { files } = cli.platform;
  const { stateLayout } = await import("../../pki/state.ts");
  const { openAuthority } = await import("../../pki/authority.ts");
  if (files.kind(stateLayout(project.stateDirectory).authorities) !== undefined) {
    const authority = openAuthority(
      files,
      project.stateDirectory,
      passphraseSource(cli, flags),
      cli.platform.tokens,
    );
    return { authority, provided: { what: "CA", action: "kept" } };
  }
  const { initAuthority } = await import("../../pki/init-authority.ts");
  const { storeRandomPassphrase } = await import("../../pki/passphrase.ts");
  const authority = await initAuthority(cli.platform, {
    stateDirectory: project.stateDirectory,
    settings: project.settings,
    permitted: project.permitted,
    passphrase: (id) => Promise.resolve(passphrase ?? storeRandomPassphrase(cli.platform, id)),
  });
  return { authority, provided: { what: "CA", action: "created" } };
}

/** The first certificates: one for the gateway, also under its local names, and one for the TMS. */
export async function provideCertificates(
  cli: Cli,
  { config }: LoadedConfig,
  project: PkiProject,
  authority: Authority,
): Promise<Provided[]> {
  const serverName = config.gateway.server_name ?? `gateway.${config.domain}`;
  const wanted: readonly { name: string; role: string; sans: readonly GeneralName[] }[] = [
    {
      name: config.gateway.certificate,
      role: "gateway",
      sans: [
        { type: "dns", value: serverName },
        { type: "dns", value: "localhost" },
        { type: "ip", value: "127.0.0.1" },
        { type: "ip", value: "::1" },
      ],
    },
    { name: "tms", role: "tms-connector", sans: [] },
  ];
  const { issue } = await import("../../pki/issue.ts");
  const provided: Provided[] = [];
  for (const { name, role, sans } of wanted) {
    if (!Object.hasOwn(config.pki.roles, role)) continue;
    const what = `certificate ${name}`;
    if (authority.inventory.newest(name) !== undefined) provided.push({ what, action: "kept" });
    else {
      await issue(cli.platform, authority, project.settings, { name, role: project.role(role), sans });
      provided.push({ what, action: "created" });
    }
  }
  return provided;
}
