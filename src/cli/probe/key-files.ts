import type { KeyObject } from "node:crypto";
import { resolve } from "node:path";
import { FleetsecError } from "../../errors.ts";
import { isEncryptedKey, readPrivateKey } from "../../pki/key-file.ts";
import { MAX_PEM_BYTES } from "../../pki/state.ts";
import type { Cli } from "../command.ts";
import { givenPassphrase, type PassphraseFlags } from "../pki-project.ts";
import { askSecret, canPrompt } from "../prompt.ts";

/** Reads a private key's file, by its name as the user wrote it. */
export type ReadKey = (name: string) => Promise<KeyObject>;

/**
 * Reads private keys. The run's one passphrase opens all that are encrypted; without one a person is asked for
 * each file's, once. What the returned function throws: FleetsecError `passphrase` where one is missing or
 * wrong, `input`, `not-found`.
 */
export function keyFiles(cli: Cli, flags: PassphraseFlags): ReadKey {
  const { files, cwd } = cli.platform;
  const read = new Map<string, Promise<KeyObject>>();
  const open = async (name: string) => {
    const pem = files.readText(resolve(cwd, name), MAX_PEM_BYTES);
    return readPrivateKey(pem, name, isEncryptedKey(pem) ? await passphraseOf(cli, flags, name) : undefined);
  };
  return (name) => {
    const key = read.get(name) ?? open(name);
    read.set(name, key);
    return key;
  };
}

async function passphraseOf(cli: Cli, flags: PassphraseFlags, name: string): Promise<string> {
  const given = await givenPassphrase(cli, flags);
  if (given !== undefined) return given;
  if (canPrompt(cli)) return askSecret(`Passphrase of ${name}`);
  throw new FleetsecError("passphrase", `${name} is encrypted and there is no passphrase for it`, {
    hint: "set FLEETSEC_PASSPHRASE, or name a file with --passphrase-file",
  });
}
