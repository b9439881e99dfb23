import type { Define } from "../command.ts";
import { openIssuer } from "../issuer.ts";
import { type PassphraseFlags, requirePki, withPassphrase } from "../pki-project.ts";
import { warnOfRootCrls } from "../root-crl.ts";
import { sharedKey } from "./shared-key.ts";
import { certificateMembers, certificateText, filesField } from "./output.ts";

interface Flags extends PassphraseFlags {
  readonly force?: boolean;
  readonly rekey?: boolean;
}

export const define: Define = (command, bind) => {
  withPassphrase(command)
    .argument("<name>", "name of the certificate")
    .option("--force", "renew whether or not it is due")
    .option("--rekey", "make a new key too")
    .action(
      bind(async (cli, name: string, flags: Flags) => {
        const project = requirePki(cli);
        const { renew, dueAt } = await import("../../pki/renew.ts");
        const { isoTime } = await import("../../pki/verify/time.ts");
        const issuer = await openIssuer(cli, project, flags);
        const result = await renew(cli.platform, issuer, project.settings, {
          name,
          role: project.role,
          force: flags.force === true,
          rekey: flags.rekey === true,
        });
        await warnOfRootCrls(cli, issuer);
        const certificate = result.renewed ? result.certificate : result.current;
        const due = isoTime(dueAt(certificate));
        const heading = result.renewed ? `renewed ${name}` : `${name} is not due: nothing was done`;
        const shared = await sharedKey(cli, issuer, certificate);
        cli.output.result(
          {
            schema: "fleetsec.cert-renew/v1",
            renewed: result.renewed,
            ...certificateMembers(certificate),
            due,
            files: certificate.files,
            ...shared,
          },
          () => certificateText(heading, certificate, [["due", due], filesField(cli, certificate.files)]),
        );
        return 0;
      }),
    );
};
