import type { KeyObject } from "node:crypto";
import { resolve } from "node:path";
import { FleetsecError } from "../../errors.ts";
import { isEncryptedKeyFile, parsePublicKeys, readKeyFile, type Unlock } from "../../logs/key-file.ts";
import type { SealedKey } from "../../logs/keygen.ts";
import type { LogSigner } from "../../logs/signer.ts";
import type { Cli } from "../command.ts";
import { execWords } from "../exec-flag.ts";
import { givenPassphrase, type PassphraseFlags } from "../pki-project.ts";
import { askSecret, canPrompt } from "../prompt.ts";

/** Where a log's keys are. */
export interface SignerFlags extends PassphraseFlags {
  readonly key?: readonly string[];
  readonly signerCmd?: string;
  readonly signerPub?: string;
}

export type Signers = readonly [LogSigner, ...LogSigner[]];

/**
 * The signers of one log that the flags name: files first, then the command.
 * @throws FleetsecError `usage` where there is none, or where they are not different keys of one log
 */
export async function readSigners(cli: Cli, flags: SignerFlags): Promise<Signers> {
  const inFiles = await readKeyFiles(cli, flags.key ?? [], flags);
  const behindCommand = await commandSigners(cli, flags);
  return ofOneLog([...inFiles, ...behindCommand], "--key");
}

/** @param flag that names the keys, for messages */
export function ofOneLog(signers: readonly LogSigner[], flag: string): Signers {
  const [first, ...others] = signers;
  if (first === undefined) {
    throw new FleetsecError("usage", `there is no ${flag}`, {
      hint: "name the log's private key, or a command that signs with --signer-cmd and --signer-pub",
    });
  }
  const names = new Set(signers.map(({ key }) => key.name));
  const ids = new Set(signers.map(({ key }) => key.keyId));
  if (names.size === 1 && ids.size === signers.length) return [first, ...others];
  throw new FleetsecError("usage", "the keys are not different keys of one log", {
    hint: `each ${flag} must be a key of the same origin, given once`,
  });
}

/** Reads private keys' files; asks for the passphrase once where one of them is encrypted. */
export async function readKeyFiles(
  cli: Cli,
  paths: readonly string[],
  flags: PassphraseFlags,
): Promise<LogSigner[]> {
  const { files, cwd } = cli.platform;
  const absolute = paths.map((path) => resolve(cwd, path));
  const encrypted = absolute.some((path) => isEncryptedKeyFile(files, path));
  const unlock = encrypted ? await unlocker(cli, flags) : undefined;
  return absolute.map((path) => readKeyFile(files, path, unlock));
}

async function unlocker(cli: Cli, flags: PassphraseFlags): Promise<Unlock> {
  const passphrase = (await givenPassphrase(cli, flags)) ?? (await askPassphrase(cli));
  const { readPrivateKey } = await import("../../pki/key-file.ts");
  return (pem, what) => readPrivateKey(pem, what, passphrase);
}

async function askPassphrase(cli: Cli): Promise<string> {
  if (canPrompt(cli)) return askSecret("Passphrase of the log's key");
  throw new FleetsecError("passphrase", "the log's key is encrypted and there is no passphrase for it", {
    hint: "set FLEETSEC_PASSPHRASE, or name a file with --passphrase-file",
  });
}

/** Encrypts a new key with a passphrase that is given, or asked for twice. */
export async function sealKey(cli: Cli, privateKey: KeyObject, flags: PassphraseFlags): Promise<SealedKey> {
  const [{ encryptedKeyPem }, { checkNewPassphrase }] = await Promise.all([
    import("../../pki/key-file.ts"),
    import("../../pki/passphrase.ts"),
  ]);
  const passphrase = checkNewPassphrase((await givenPassphrase(cli, flags)) ?? (await newPassphrase(cli)));
  return { privateKey, pem: await encryptedKeyPem(privateKey, passphrase, cli.platform) };
}

async function newPassphrase(cli: Cli): Promise<string> {
  if (!canPrompt(cli)) {
    throw new FleetsecError("passphrase", "there is no passphrase to encrypt the key with", {
      hint: "set FLEETSEC_PASSPHRASE, or name a file with --passphrase-file",
    });
  }
  const chosen = await askSecret("Passphrase for the log's key");
  if ((await askSecret("The same again")) === chosen) return chosen;
  throw new FleetsecError("usage", "the two passphrases differ");
}

/** The key behind `--signer-cmd`, whose public half is in `--signer-pub`. */
async function commandSigners({ platform }: Cli, flags: SignerFlags): Promise<LogSigner[]> {
  const { signerCmd, signerPub } = flags;
  if (signerCmd === undefined && signerPub === undefined) return [];
  if (signerCmd === undefined || signerPub === undefined) {
    throw new FleetsecError("usage", "--signer-cmd and --signer-pub go together", {
      hint: "name the command that signs, and the .pub file of its key",
    });
  }
  const path = resolve(platform.cwd, signerPub);
  const [key, ...more] = parsePublicKeys(platform.files.readText(path, 1 << 16));
  if (key === undefined || more.length > 0 || key.type === "cosignature/v1") {
    throw new FleetsecError("input", `${path} does not hold one verifier key of a log`);
  }
  const { commandSigner } = await import("../../logs/command-signer.ts");
  return [commandSigner(key, execWords(signerCmd), platform.exec)];
}
