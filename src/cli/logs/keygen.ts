import { resolve } from "node:path";
import { type ExitCode, FleetsecError } from "../../errors.ts";
import type { LogKeyType } from "../../logs/key-file.ts";
import { generateKeyFiles } from "../../logs/keygen.ts";
import { escapeText } from "../../report/escape.ts";
import type { Cli } from "../command.ts";

export interface KeygenFlags {
  readonly origin: string;
  readonly type: string;
  readonly out: string;
}

const TYPES: readonly LogKeyType[] = ["ed25519", "p256"];

export async function keygen({ platform, output }: Cli, flags: KeygenFlags): Promise<ExitCode> {
  const type = TYPES.find((known) => known === flags.type);
  if (type === undefined) {
    throw new FleetsecError("usage", `--type is no key type: ${flags.type}`, {
      hint: "name ed25519 or p256",
    });
  }
  const out = resolve(platform.cwd, flags.out);
  const result = generateKeyFiles({ origin: flags.origin, type, out }, platform.files);
  output.result({ schema: "fleetsec.logs-keygen/v1", ...result }, () =>
    [
      `private key   ${escapeText(result.files.key)}`,
      `public key    ${escapeText(result.files.pub)}`,
      `verifier key  ${escapeText(result.verifierKey)}`,
    ].join("\n"),
  );
  return 0;
}
