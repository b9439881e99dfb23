import { FleetsecError } from "../../errors.ts";
import type { Authority } from "../../pki/authority.ts";
import { issueEphemeral } from "../../pki/issue.ts";
import type { KeyType } from "../../pki/keys.ts";
import type { Role } from "../../pki/roles.ts";
import { stateLayout } from "../../pki/state.ts";
import type { SigningCa } from "../../probe/identities/issuer.ts";
import { type Identity, readIdentity } from "../../probe/identities/identity.ts";
import type { KeyFamily } from "../../probe/key-family.ts";
import type { Cli } from "../command.ts";
import { openCa, type PkiProject, pkiProject } from "../pki-project.ts";
import { findProject } from "../project.ts";
import type { ProbeFlags } from "./flags.ts";

/** The project's CA, where there is a project that has one. */
export interface DevCa {
  readonly authority: Authority;
  readonly project: PkiProject;
  /** What the control is issued as. */
  readonly role: Role | undefined;
}

export async function openDevCa(cli: Cli, flags: ProbeFlags): Promise<DevCa | undefined> {
  const loaded = findProject(cli);
  if (loaded === undefined) return undefined;
  const project = pkiProject(loaded.config, loaded.directory);
  if (project.pki.issuer !== "local") return undefined;
  if (cli.platform.files.kind(stateLayout(project.stateDirectory).authorities) === undefined)
    return undefined;
  const clients = Object.entries(loaded.config.pki.roles).filter(([, { usages }]) =>
    usages.includes("client"),
  );
  return {
    authority: await openCa(cli, project, flags),
    project,
    role: controlRole(clients.map(([name]) => project.role(name))),
  };
}

/** Seconds: long enough for any probe. */
const CONTROL_TTL = 3600;

/** As permitted as a client can be: what every client role may do. */
function controlRole(clients: readonly Role[]): Role | undefined {
  const [first] = clients;
  return (
    first && {
      ...first,
      name: "probe",
      usages: ["client"],
      ttl: CONTROL_TTL,
      maxTtl: CONTROL_TTL,
      keyTypes: ["p256", "p384", "ed25519", "rsa3072"],
      applicationRoles: [...new Set(clients.flatMap(({ applicationRoles }) => applicationRoles))],
    }
  );
}

/**
 * Issues a valid client. It is in the inventory like every other certificate, and its key in memory
 * only. Undefined for a key that the dev CA does not issue.
 */
export async function issueControl(
  cli: Cli,
  { authority, project, role }: DevCa,
  family: KeyFamily,
): Promise<Identity | undefined> {
  const keyType = KEY_TYPES[family];
  if (keyType === undefined) return undefined;
  if (role === undefined) {
    throw new FleetsecError("config", "the configuration has no client role to issue a valid client from", {
      hint: "add a role with usages: [client], or name a client with --client-cert and --client-key",
    });
  }
  const issued = await issueEphemeral(cli.platform, authority, project.settings, {
    name: "fleetsec-probe",
    role,
    keyType,
  });
  const names = { certificate: "the issued certificate", key: "its key" };
  return readIdentity(Buffer.from(issued.cert + issued.chain), issued.key, names);
}

/** Issues a valid client of one of the project's roles, as `issueControl` does. */
export async function issueAs(
  cli: Cli,
  { authority, project }: DevCa,
  name: string,
  family: KeyFamily,
): Promise<Identity | undefined> {
  const role = project.role(name);
  const keyType = KEY_TYPES[family];
  if (keyType === undefined || !role.keyTypes.includes(keyType)) return undefined;
  const ttl = Math.min(CONTROL_TTL, role.ttl);
  const request = { name: "fleetsec-probe", role, keyType, ttl };
  const issued = await issueEphemeral(cli.platform, authority, project.settings, request);
  const names = { certificate: `the certificate of ${name}`, key: "its key" };
  return readIdentity(Buffer.from(issued.cert + issued.chain), issued.key, names);
}

const KEY_TYPES: Readonly<Partial<Record<KeyFamily, KeyType>>> = {
  p256: "p256",
  p384: "p384",
  ed25519: "ed25519",
  rsa: "rsa3072",
};

/** The issuing CA with its key. @throws FleetsecError `passphrase` and what unlocking throws */
export async function devSigningCa({ authority }: DevCa): Promise<SigningCa> {
  const { issuing, root } = authority.current;
  const path = [issuing.der, root.der];
  return { certificate: issuing, signer: await authority.signer(), chain: [issuing.der], path };
}
