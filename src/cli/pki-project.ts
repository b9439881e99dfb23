import { resolve } from "node:path";
import type { Command } from "commander";
import type { Config } from "../config/schema.ts";
import { FleetsecError } from "../errors.ts";
import type { Authority, PassphraseSource, PkiSettings } from "../pki/authority.ts";
import type { PermittedNames } from "../pki/profiles.ts";
import type { Role } from "../pki/roles.ts";
import type { Cli } from "./command.ts";
import { requireProject } from "./project.ts";
import { askSecret, canPrompt } from "./prompt.ts";

/** A project's PKI as it is configured. */
export interface PkiProject {
  /** Where the configuration lies: what paths in it are relative to. */
  readonly directory: string;
  readonly pki: Config["pki"];
  readonly settings: PkiSettings;
  readonly stateDirectory: string;
  /** @throws FleetsecError `not-found` */
  readonly role: (name: string) => Role;
  /** What a new issuing CA may issue; undefined without name constraints. */
  readonly permitted: PermittedNames | undefined;
}

export interface PassphraseFlags {
  readonly passphraseFile?: string;
}

/** @throws FleetsecError `config` where there is no project */
export function requirePki(cli: Cli): PkiProject {
  const { config, directory } = requireProject(cli);
  return pkiProject(config, directory);
}

/** @param directory that the configuration lies in */
export function pkiProject(config: Config, directory: string): PkiProject {
  return {
    directory,
    pki: config.pki,
    settings: {
      organization: config.name,
      trustDomain: config.domain,
      keyType: config.pki.key_type,
      rootTtl: config.pki.root_ttl,
      issuingTtl: config.pki.intermediate_ttl,
      crlTtl: config.pki.crl_ttl,
      renewGrace: config.pki.renew_grace,
      crlUrl: config.pki.crl_url,
      ocspUrl: config.pki.ocsp_url,
    },
    stateDirectory: resolve(directory, config.state),
    role: (name) => roleOf(config, name),
    permitted: config.pki.name_constraints ? permittedBy(config) : undefined,
  };
}

function roleOf(config: Config, name: string): Role {
  const role = Object.hasOwn(config.pki.roles, name) ? config.pki.roles[name] : undefined;
  if (role === undefined) {
    throw new FleetsecError("not-found", `there is no role ${name}`, {
      hint: `roles in the configuration: ${Object.keys(config.pki.roles).join(", ") || "none"}`,
    });
  }
  return {
    name,
    usages: role.usages,
    ttl: role.ttl,
    maxTtl: role.max_ttl,
    keyTypes: role.key_types,
    allowedDomains: role.allowed_domains,
    allowSubdomains: role.allow_subdomains,
    allowBareDomains: role.allow_bare_domains,
    allowIpSans: role.allow_ip_sans,
    allowedUriSans: role.allowed_uri_sans,
    deny: role.deny,
    applicationRoles: role.application_roles,
  };
}

/** The trust domain and whatever else some role allows. */
function permittedBy({ domain, pki }: Config): PermittedNames {
  const roles = Object.values(pki.roles);
  return {
    trustDomain: domain,
    dns: roles.flatMap((role) => role.allowed_domains),
    addresses: roles.some((role) => role.allow_ip_sans),
  };
}

/** Adds the flag to a command that needs the CA's key. */
export function withPassphrase(command: Command, of = "the CA"): Command {
  return command.option("--passphrase-file <file>", `passphrase of ${of} (also FLEETSEC_PASSPHRASE)`);
}

/**
 * The passphrase of an existing CA: from the flag, the environment, where `init --yes` keeps one, or
 * a prompt, in that order. A person is asked once for each CA.
 * @param asks whether a person may be asked
 */
export function passphraseSource(cli: Cli, flags: PassphraseFlags, asks = true): PassphraseSource {
  const answers = new Map<string, Promise<string>>();
  return async (id) => {
    const { storedPassphrase } = await import("../pki/passphrase.ts");
    const given =
      (await givenPassphrase(cli, flags)) ?? storedPassphrase(cli.platform.files, cli.platform.userState, id);
    if (given !== undefined) return given;
    if (asks && canPrompt(cli)) {
      const answer = answers.get(id) ?? askSecret(`Passphrase of the CA ${id.slice(0, 8)}`);
      answers.set(id, answer);
      return answer;
    }
    throw new FleetsecError("passphrase", "the CA's key is encrypted and there is no passphrase for it", {
      hint: "set FLEETSEC_PASSPHRASE, or name a file with --passphrase-file",
    });
  };
}

/** The passphrase that this invocation brings along, if it does. */
export async function givenPassphrase(cli: Cli, flags: PassphraseFlags): Promise<string | undefined> {
  const { files, env, cwd } = cli.platform;
  if (flags.passphraseFile !== undefined) {
    const { passphraseIn } = await import("../pki/passphrase.ts");
    return passphraseIn(files, resolve(cwd, flags.passphraseFile));
  }
  const value = env["FLEETSEC_PASSPHRASE"] ?? "";
  return value === "" ? undefined : value;
}

/** @throws FleetsecError `config` where another issues */
export function requireOwnCa({ pki: { issuer } }: PkiProject): void {
  if (issuer === "local") return;
  throw new FleetsecError("config", `${issuer} issues in this project, which has no CA of its own`, {
    hint: "set pki.issuer to local for the project's own CA",
  });
}

/**
 * Opens the project's own CA for who only looks: its keys are unlocked where that needs nobody's answer.
 * @throws FleetsecError as `openCa`
 */
export async function openCaUnasked(
  cli: Cli,
  project: PkiProject,
  flags: PassphraseFlags,
): Promise<Authority> {
  requireOwnCa(project);
  const { openAuthority } = await import("../pki/authority.ts");
  const { files, tokens } = cli.platform;
  const unasked = tokens.asking(() =>
    Promise.reject(new FleetsecError("passphrase", "there is no PIN for the token")),
  );
  return openAuthority(files, project.stateDirectory, passphraseSource(cli, flags, false), unasked);
}

/**
 * Opens the project's own CA. Its key is unlocked when it is first needed.
 * @param unusableCrls where those that are missing, damaged or foreign are to be made anew
 * @throws FleetsecError `config` where another issues
 */
export async function openCa(
  cli: Cli,
  project: PkiProject,
  flags: PassphraseFlags = {},
  unusableCrls?: "ignored",
): Promise<Authority> {
  requireOwnCa(project);
  const { openAuthority } = await import("../pki/authority.ts");
  const { files, tokens } = cli.platform;
  return openAuthority(files, project.stateDirectory, passphraseSource(cli, flags), tokens, unusableCrls);
}
