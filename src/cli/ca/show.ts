import type { Define } from "../command.ts";
import { openCaUnasked, type PassphraseFlags, requirePki, withPassphrase } from "../pki-project.ts";
import { warnOfRootCrls } from "../root-crl.ts";
import { caDocument, caText } from "./output.ts";

export const define: Define = (command, bind) => {
  withPassphrase(command).action(
    bind(async (cli, flags: PassphraseFlags) => {
      const authority = await openCaUnasked(cli, requirePki(cli), flags);
      const { describeCa } = await import("../../pki/describe-ca.ts");
      const { soundnessOfAll } = await import("../../pki/soundness.ts");
      const { files, clock } = cli.platform;
      const now = clock.now();
      const { faults, unknown } = await soundnessOfAll(files, authority, now);
      const description = describeCa(files, authority, now);
      await warnOfRootCrls(cli, authority);
      const document = {
        ...caDocument("fleetsec.ca-show/v1", authority, description),
        faults: faults.map(({ message }) => message),
        ...(unknown === undefined ? {} : { unknown: unknown.message }),
      };
      cli.output.result(document, () => caText(cli, authority, description, { faults, unknown }));
      return faults.length > 0 ? 1 : 0;
    }),
  );
};
