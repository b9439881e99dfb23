import { resolve } from "node:path";
import { type ExitCode, FleetsecError } from "../../errors.ts";
import type { LogKeyType } from "../../logs/key-file.ts";
import { generateKeyFiles, type KeygenRequest, type NewKey } from "../../logs/keygen.ts";
import { escapeText } from "../../report/escape.ts";
import type { Cli } from "../command.ts";
import type { PassphraseFlags } from "../pki-project.ts";
import { projectOrigin } from "./origin.ts";
import { newTokenKey, sealedKey } from "./new-key.ts";

export interface KeygenFlags extends PassphraseFlags {
  readonly origin?: string;
  readonly type: string;
  readonly out: string;
  readonly encrypt?: true;
  readonly token?: string;
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
  const result = await generateKeyFiles(request, platform.files, makerOf(cli, request, flags));
  output.result({ schema: "fleetsec.logs-keygen/v1", ...result }, () =>
    [
      `private key   ${escapeText(result.files.key)}`,
      `public key    ${escapeText(result.files.pub)}`,
      `verifier key  ${escapeText(result.verifierKey)}`,
    ].join("\n"),
  );
  return 0;
}

/** How the private key is made and kept; undefined for a file that holds it as it is. */
function makerOf(
  cli: Cli,
  { origin, type }: KeygenRequest,
  { encrypt, token, ...flags }: KeygenFlags,
): ((name: string) => Promise<NewKey>) | undefined {
  if (flags.passphraseFile !== undefined && encrypt !== true) {
    throw new FleetsecError("usage", "--passphrase-file is for --encrypt");
  }
  if (token === undefined) {
    return encrypt === true ? () => sealedKey(cli, origin, type, flags) : undefined;
  }
  if (encrypt === true) {
    throw new FleetsecError("usage", "--token and --encrypt exclude each other", {
      hint: "a token's keys are protected by its PIN",
    });
  }
  return (name) => newTokenKey(cli, token, name, origin, type);
}
