import { resolve } from "node:path";
import type { Config } from "../config/schema.ts";
import { FleetsecError } from "../errors.ts";
import { credentialVariables, type Issuer, type Registry, type Service } from "../pki/issuers/issuer.ts";
import type { VaultAuth, VaultServer } from "../pki/issuers/vault/client.ts";
import type { Cli } from "./command.ts";
import { openCa, type PassphraseFlags, type PkiProject } from "./pki-project.ts";

/** Who issues in this project, by `pki.issuer`. Nothing is asked of a service yet. */
export async function openIssuer(
  cli: Cli,
  project: PkiProject,
  flags: PassphraseFlags = {},
): Promise<Issuer> {
  const { pki } = project;
  if (pki.issuer === "local") return openCa(cli, project, flags);
  if (pki.issuer === "cert-manager") {
    throw new FleetsecError("refused", "cert-manager issues in this project, and keeps what it has issued", {
      hint: "it renews by itself; see kubectl get certificates, cmctl renew NAME; it cannot revoke: keep lifetimes short",
    });
  }
  const { openRegistry, readAnchors } = await import("../pki/issuers/service.ts");
  const registry = await openRegistry(cli.platform, project.stateDirectory);
  const at = pathsOf(project);
  const anchors = readAnchors(cli.platform, at(required(pki.trust_anchor)));
  const asking =
    pki.issuer === "vault" ? await openVault(cli, project) : await openStepCa(cli, project, registry);
  return { ...registry, anchors, ...asking };
}

type Asking = Pick<Service, "kind" | "certify" | "revoke" | "crl">;

function pathsOf({ directory }: PkiProject): (path: string) => string {
  return (path) => resolve(directory, path);
}

/** The rules of the configuration have seen to it. */
function required<T>(value: T | undefined): T {
  if (value === undefined)
    throw new Error("the configuration's rules let an issuer without its settings pass");
  return value;
}

async function openVault(cli: Cli, project: PkiProject): Promise<Asking> {
  const { vaultService } = await import("../pki/issuers/vault/vault.ts");
  const { readText, readSecretFile } = await readersOf(cli, project);
  const settings = required(project.pki.vault);
  const { client_cert: cert, client_key: key } = settings;
  const server: VaultServer = {
    address: new URL(settings.address),
    namespace: settings.namespace,
    ca: settings.ca === undefined ? undefined : [readText(settings.ca)],
    identity:
      cert === undefined || key === undefined
        ? undefined
        : () => ({ cert: readText(cert), key: readSecretFile(key) }),
    timeout: settings.timeout * 1000,
    signal: cli.platform.signal,
    auth: vaultAuth(cli, settings.auth, readSecretFile),
  };
  return vaultService(cli.platform.network, {
    server,
    mount: settings.mount,
    rootMount: settings.root_mount,
    role: (name) => own(settings.roles, name) ?? name,
  });
}

function vaultAuth(
  { platform: { env } }: Cli,
  auth: NonNullable<Config["pki"]["vault"]>["auth"],
  readSecretFile: (path: string) => string,
): VaultAuth {
  const secret = (file: string | undefined, key: string, ...names: readonly string[]) => {
    if (file !== undefined) return oneLine(readSecretFile(file), file);
    const value = names.map((name) => env[name]).find((candidate) => (candidate ?? "") !== "");
    if (value !== undefined) return oneLine(value, names.join(" or "));
    throw new FleetsecError("issuer", "there is nothing to log in to vault with", {
      hint: `set ${names.join(" or ")}, or name a file with pki.vault.auth.${key}`,
    });
  };
  switch (auth.method) {
    case "token":
      return {
        method: "token",
        token: () => secret(auth.token_file, "token_file", ...credentialVariables.vault),
      };
    case "approle":
      return {
        method: "approle",
        mount: auth.mount,
        roleId: auth.role_id,
        secretId: () => secret(auth.secret_id_file, "secret_id_file", "FLEETSEC_VAULT_SECRET_ID"),
      };
    case "cert":
      return { method: "cert", mount: auth.mount, role: auth.role };
  }
}

/** What becomes a header must be one line of plain characters. */
function oneLine(text: string, where: string): string {
  const secret = text.trim();
  if (/^[!-~]{1,4096}$/.test(secret)) return secret;
  throw new FleetsecError("input", `${where} does not hold a token on its one line`);
}

async function openStepCa(cli: Cli, project: PkiProject, { inventory }: Registry): Promise<Asking> {
  const { stepCaService } = await import("../pki/issuers/step-ca/step-ca.ts");
  const { readProvisionerKey } = await import("../pki/issuers/step-ca/token.ts");
  const { readText, readSecretFile } = await readersOf(cli, project);
  const { pki } = project;
  const settings = required(pki.step_ca);
  return stepCaService(cli.platform, {
    server: {
      address: new URL(settings.address),
      ca: [readText(settings.ca ?? required(pki.trust_anchor))],
      timeout: settings.timeout * 1000,
      signal: cli.platform.signal,
    },
    provisioner: (role) => own(settings.provisioners, role) ?? role,
    roleOf: (serial) => required(inventory.bySerial(serial)).issued.role,
    key: () => {
      const path = settings.provisioner_key;
      if (path !== undefined) return readProvisionerKey(readSecretFile(path), path);
      throw new FleetsecError("issuer", "there is no provisioner's key to ask step-ca with", {
        hint: "name it with pki.step_ca.provisioner_key; without it only certificates for clients whose keys are in files can be renewed",
      });
    },
  });
}

async function readersOf({ platform: { files } }: Cli, project: PkiProject) {
  const { MAX_PEM_BYTES, readSecret } = await import("../pki/state.ts");
  const at = pathsOf(project);
  return {
    readText: (path: string) => files.readText(at(path), MAX_PEM_BYTES),
    readSecretFile: (path: string) => readSecret(files, at(path)),
  };
}

function own(map: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(map, name) ? map[name] : undefined;
}
