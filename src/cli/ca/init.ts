import type { Define } from "../command.ts";
import { requireOwnCa, requirePki } from "../pki-project.ts";
import { caDocument, caText } from "./output.ts";
import { protection, type ProtectionFlags, withProtection } from "./protection.ts";

export const define: Define = (command, bind) => {
  withProtection(command).action(
    bind(async (cli, flags: ProtectionFlags) => {
      const project = requirePki(cli);
      requireOwnCa(project);
      const { initAuthority, tokenPlaces } = await import("../../pki/init-authority.ts");
      const { describeCa } = await import("../../pki/describe-ca.ts");
      const { storedPassphrasePath } = await import("../../pki/passphrase.ts");
      const { platform } = cli;
      const passphrase = await protection(cli, flags);
      const authority = await initAuthority(platform, {
        stateDirectory: project.stateDirectory,
        settings: project.settings,
        permitted: project.permitted,
        passphrase,
        token: flags.token === undefined ? undefined : tokenPlaces(flags.token),
      });
      const description = describeCa(platform.files, authority, platform.clock.now());
      const stored = storedPassphrasePath(platform.userState, description.id);
      const kept = passphrase !== undefined && platform.files.kind(stored) !== undefined ? stored : undefined;
      const document = caDocument("fleetsec.ca-init/v1", authority, description);
      cli.output.result(
        { ...document, ...(kept === undefined ? {} : { passphraseFile: kept }) },
        () =>
          `made a CA for ${project.settings.trustDomain}\n${caText(cli, authority, description, { passphraseFile: kept })}`,
      );
      return 0;
    }),
  );
};
