import { resolve } from "node:path";
import { FleetsecError } from "../../errors.ts";
import {
  isEncryptedKeyFile,
  parsePublicKeys,
  readKeyFile,
  readTokenKeyFile,
  type Unlock,
} from "../../logs/key-file.ts";
import { type LogSigner, remoteSigner } from "../../logs/signer.ts";
import type { Cli } from "../command.ts";
import { execWords } from "../exec-flag.ts";
import { givenPassphrase, type PassphraseFlags } from "../pki-project.ts";
import { askSecret, canPrompt } from "../prompt.ts";
import { projectOrigin } from "./origin.ts";

/** Where a log's keys are. */
export interface SignerFlags extends PassphraseFlags {
  readonly key?: readonly string[];
  /** The log's name, for keys that are named by a PKCS#11 URI. */
  readonly origin?: string;
  readonly signerCmd?: string;
  readonly signerPub?: string;
}

export type Signers = readonly [LogSigner, ...LogSigner[]];

/**
 * The signers of one log that the flags name: keys first, then the command.
 * @throws FleetsecError `usage` where there is none, or where they are not different keys of one log
 */
export async function readSigners(cli: Cli, flags: SignerFlags): Promise<Signers> {
  const own = await openKeys(cli, flags.key ?? [], flags);
  const behindCommand = await commandSigners(cli, flags);
  return ofOneLog([...own, ...behindCommand], "--key");
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

/**
 * Opens private keys, in files or by their PKCS#11 URIs; asks for the passphrase once where one of
 * them is encrypted.
 */
export async function openKeys(
  cli: Cli,
  keys: readonly string[],
  flags: PassphraseFlags & Pick<SignerFlags, "origin">,
): Promise<LogSigner[]> {
  const { files, cwd, tokens } = cli.platform;
  const signers: LogSigner[] = [];
  let unlock: Unlock | undefined;
  for (const key of keys) {
    if (isTokenUri(key)) {
      const { storedTokenKey } = await import("../../pki/token-key.ts");
      const { signer } = storedTokenKey(await tokens.open(key));
      signers.push(remoteSigner(flags.origin ?? projectOrigin(cli), signer));
      continue;
    }
    const path = resolve(cwd, key);
    const inToken = readTokenKeyFile(files, path);
    if (inToken !== undefined) {
      const { openKey } = await import("../../pki/token-key.ts");
      signers.push(remoteSigner(inToken.name, (await openKey(inToken.pem, path, { tokens })).signer));
      continue;
    }
    if (isEncryptedKeyFile(files, path)) unlock ??= await unlocker(cli, flags);
    signers.push(readKeyFile(files, path, unlock));
  }
  return signers;
}

/** Those of the keys that are files, as absolute paths. */
export function keyFilesOf({ platform: { cwd } }: Cli, keys: readonly string[] = []): string[] {
  return keys.filter((key) => !isTokenUri(key)).map((path) => resolve(cwd, path));
}

function isTokenUri(key: string): boolean {
  return key.startsWith("pkcs11:");
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
  return [commandSigner(key, execWords(signerCmd), platform)];
}
