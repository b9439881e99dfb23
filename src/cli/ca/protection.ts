import type { Command } from "commander";
import { FleetsecError } from "../../errors.ts";
import type { PassphraseSource } from "../../pki/authority.ts";
import type { Cli } from "../command.ts";
import { givenPassphrase, type PassphraseFlags, withPassphrase } from "../pki-project.ts";
import { askSecret, canPrompt } from "../prompt.ts";

export interface ProtectionFlags extends PassphraseFlags {
  readonly yes?: boolean;
  readonly insecureDevKey?: boolean;
  readonly token?: string;
}

/** Adds the flags of a command that makes a CA. */
export function withProtection(command: Command): Command {
  return withPassphrase(command)
    .option("--yes", "ask nothing: a random passphrase is kept in the user's state directory")
    .option("--insecure-dev-key", "leave the CA's keys unencrypted")
    .option("--token <uri>", "make the CA's keys in a token: pkcs11:token=…?module-path=…");
}

/**
 * Where the passphrase of the new keys comes from; undefined where there is none.
 * @param inToken whether they are made in a token, by the flag or because those before them are
 */
export async function protection(
  cli: Cli,
  flags: ProtectionFlags,
  inToken: boolean = flags.token !== undefined,
): Promise<PassphraseSource | undefined> {
  if (inToken) {
    if (flags.passphraseFile === undefined && flags.insecureDevKey !== true) return undefined;
    const message =
      flags.token === undefined
        ? "the CA's keys are in a token, and the new ones are made there: " +
          "--passphrase-file and --insecure-dev-key are for keys in files"
        : "--token excludes --passphrase-file and --insecure-dev-key";
    throw new FleetsecError("usage", message, { hint: "a token's keys are protected by its PIN" });
  }
  if (flags.insecureDevKey === true) {
    if (flags.passphraseFile === undefined) return undefined;
    throw new FleetsecError("usage", "--insecure-dev-key and --passphrase-file exclude each other");
  }
  const { checkNewPassphrase, storeRandomPassphrase } = await import("../../pki/passphrase.ts");
  const given = await givenPassphrase(cli, flags);
  if (given !== undefined) {
    checkNewPassphrase(given);
    return () => Promise.resolve(given);
  }
  if (flags.yes === true || !canPrompt(cli)) {
    return (id) => Promise.resolve(storeRandomPassphrase(cli.platform, id));
  }
  return async () => {
    const chosen = checkNewPassphrase(await askSecret("Passphrase for the new CA"));
    if ((await askSecret("The same again")) === chosen) return chosen;
    throw new FleetsecError("usage", "the two passphrases differ");
  };
}
