import { FleetsecError } from "../../errors.ts";
import type { PassphraseSource } from "../../pki/authority.ts";
import type { Cli, Define } from "../command.ts";
import { givenPassphrase, type PassphraseFlags, requirePki, withPassphrase } from "../pki-project.ts";
import { askSecret, canPrompt } from "../prompt.ts";
import { caDocument, caText } from "./output.ts";

interface Flags extends PassphraseFlags {
  readonly yes?: boolean;
  readonly insecureDevKey?: boolean;
}

export const define: Define = (command, bind) => {
  withPassphrase(command)
    .option("--yes", "ask nothing: a random passphrase is kept in the user's state directory")
    .option("--insecure-dev-key", "leave the CA's keys unencrypted")
    .action(
      bind(async (cli, flags: Flags) => {
        const project = requirePki(cli);
        const { initAuthority } = await import("../../pki/init-authority.ts");
        const { describeCa } = await import("../../pki/describe-ca.ts");
        const { storedPassphrasePath } = await import("../../pki/passphrase.ts");
        const { platform } = cli;
        const passphrase = await protection(cli, flags);
        const authority = await initAuthority(platform, {
          stateDirectory: project.stateDirectory,
          settings: project.settings,
          permitted: project.permitted,
          passphrase,
        });
        const description = describeCa(platform.files, authority, platform.clock.now());
        const stored = storedPassphrasePath(platform.userState, description.id);
        const kept =
          passphrase !== undefined && platform.files.kind(stored) !== undefined ? stored : undefined;
        const document = caDocument("fleetsec.ca-init/v1", authority, description);
        cli.output.result(
          { ...document, ...(kept === undefined ? {} : { passphraseFile: kept }) },
          () => `made a CA for ${project.settings.trustDomain}\n${caText(cli, authority, description, kept)}`,
        );
        return 0;
      }),
    );
};

/** Where the passphrase of the new keys comes from; undefined leaves them unencrypted. */
async function protection(cli: Cli, flags: Flags): Promise<PassphraseSource | undefined> {
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
