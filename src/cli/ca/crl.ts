import { resolve } from "node:path";
import type { Define } from "../command.ts";
import { openCa, type PassphraseFlags, requirePki, withPassphrase } from "../pki-project.ts";
import { shown } from "./output.ts";

interface Flags extends PassphraseFlags {
  readonly out?: string;
}

export const define: Define = (command, bind) => {
  withPassphrase(command)
    .option("--out <file>", "write them there too, and print what they hold")
    .action(
      bind(async (cli, flags: Flags) => {
        const project = requirePki(cli);
        const authority = await openCa(cli, project, flags);
        const { refreshCrls, MAX_CRL_BYTES } = await import("../../pki/publish.ts");
        const { describeCrl } = await import("../../pki/describe-ca.ts");
        const { platform } = cli;
        await refreshCrls(platform, authority, project.settings);
        const pem = platform.files.readText(authority.layout.crl, MAX_CRL_BYTES);
        const file = flags.out === undefined ? undefined : resolve(platform.cwd, flags.out);
        if (file !== undefined) platform.files.write(file, pem);
        const { stale: _, ...crl } = describeCrl(platform.files, authority, platform.clock.now());
        cli.output.result({ schema: "fleetsec.ca-crl/v1", ...crl, file: file ?? authority.layout.crl }, () =>
          file === undefined
            ? pem
            : `CRL number ${crl.number}, ${crl.revoked} revoked, until ${crl.nextUpdate}, in ${shown(cli, file)}`,
        );
        return 0;
      }),
    );
};
