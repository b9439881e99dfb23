import { FleetsecError } from "../../errors.ts";
import { formatNamedPem, generateLogKey, type LogKeyType, verifierKeyOf } from "../../logs/key-file.ts";
import type { NewKey } from "../../logs/keygen.ts";
import { remoteSigner } from "../../logs/signer.ts";
import type { Tokens } from "../../platform/pkcs11/tokens.ts";
import type { Cli } from "../command.ts";
import { givenPassphrase, type PassphraseFlags } from "../pki-project.ts";
import { askSecret, canPrompt } from "../prompt.ts";

/** A new key that is encrypted with a passphrase, which is given or asked for twice. */
export async function sealedKey(
  cli: Cli,
  origin: string,
  type: LogKeyType,
  flags: PassphraseFlags,
): Promise<NewKey> {
  const [{ encryptedKeyPem }, { checkNewPassphrase }] = await Promise.all([
    import("../../pki/key-file.ts"),
    import("../../pki/passphrase.ts"),
  ]);
  const passphrase = checkNewPassphrase((await givenPassphrase(cli, flags)) ?? (await newPassphrase(cli)));
  const privateKey = generateLogKey(type);
  const pem = await encryptedKeyPem(privateKey, passphrase, cli.platform);
  return { key: verifierKeyOf(origin, type, privateKey), content: formatNamedPem(origin, pem) };
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

/**
 * A new key in a token.
 * @param name its label, where the URI gives none
 * @throws FleetsecError `exists` where the token has a key of that label: whose would it be?
 */
export async function newTokenKey(
  { platform: { tokens } }: Cli,
  uri: string,
  name: string,
  origin: string,
  type: LogKeyType,
): Promise<NewKey> {
  const [{ newTokenKey: make }, { formatPkcs11Uri, parsePkcs11Uri }] = await Promise.all([
    import("../../pki/token-key.ts"),
    import("../../platform/pkcs11/uri.ts"),
  ]);
  const labelled = formatPkcs11Uri({ object: name, ...parsePkcs11Uri(uri) });
  if (await isTaken(tokens, labelled)) {
    throw new FleetsecError("exists", "there is a key of that label in the token already", {
      hint: "name another one with object in the PKCS#11 URI; a key that is there signs with logs sign --key pkcs11:…",
    });
  }
  const { signer, pem } = await make(tokens, labelled, type);
  return { key: remoteSigner(origin, signer).key, content: formatNamedPem(origin, pem) };
}

async function isTaken(tokens: Tokens, uri: string): Promise<boolean> {
  try {
    await tokens.open(uri);
    return true;
  } catch (error) {
    if (error instanceof FleetsecError && error.code === "not-found") return false;
    throw error;
  }
}
