import { resolve } from "node:path";
import { type ExitCode, FleetsecError } from "../../errors.ts";
import { generateLogKey, type LogKeyType } from "../../logs/key-file.ts";
import { generateKeyFiles } from "../../logs/keygen.ts";
import { escapeText } from "../../report/escape.ts";
import type { Cli } from "../command.ts";
import type { PassphraseFlags } from "../pki-project.ts";
import { findProject } from "../project.ts";
import { sealKey } from "./signers.ts";

export interface KeygenFlags extends PassphraseFlags {
  readonly origin?: string;
  readonly type: string;
  readonly out: string;
  readonly encrypt?: true;
}

const TYPES: readonly LogKeyType[] = ["ed25519", "p256"];

export async function keygen(cli: Cli, flags: KeygenFlags): Promise<ExitCode> {
  const { platform, output } = cli;
  const type = TYPES.find((known) => known === flags.type);
  if (type === undefined) {
    throw new FleetsecError("usage", `--type is no key type: ${flags.type}`, {
      hint: "name ed25519 or p256",
    });
  }
  const out = resolve(platform.cwd, flags.out);
  const request = { origin: flags.origin ?? projectOrigin(cli), type, out };
  if (flags.passphraseFile !== undefined && flags.encrypt !== true) {
    throw new FleetsecError("usage", "--passphrase-file is for --encrypt");
  }
  const sealed = flags.encrypt === true ? await sealKey(cli, generateLogKey(type), flags) : undefined;
  const result = generateKeyFiles(request, platform.files, sealed);
  output.result({ schema: "fleetsec.logs-keygen/v1", ...result }, () =>
    [
      `private key   ${escapeText(result.files.key)}`,
      `public key    ${escapeText(result.files.pub)}`,
      `verifier key  ${escapeText(result.verifierKey)}`,
    ].join("\n"),
  );
  return 0;
}

/** @throws FleetsecError `usage` where there is no project */
function projectOrigin(cli: Cli): string {
  const { logs, domain } = findProject(cli)?.config ?? {};
  if (domain !== undefined) return logs?.origin ?? `${domain}/audit`;
  throw new FleetsecError("usage", "there is no --origin, and no fleetsec.yaml that names one", {
    hint: "name the log with --origin, e.g. fleet.internal/audit",
  });
}
