import type { Define } from "../command.ts";
import { openCa, requirePki } from "../pki-project.ts";
import { caDocument, caText } from "./output.ts";

export const define: Define = (command, bind) => {
  command.action(
    bind(async (cli) => {
      const authority = await openCa(cli, requirePki(cli));
      const { describeCa } = await import("../../pki/describe-ca.ts");
      const { files, clock } = cli.platform;
      const description = describeCa(files, authority, clock.now());
      cli.output.result(caDocument("fleetsec.ca-show/v1", authority, description), () =>
        caText(cli, authority, description),
      );
      return 0;
    }),
  );
};
