import type { Define } from "../command.ts";
import { openIssuer } from "../issuer.ts";
import { requirePki } from "../pki-project.ts";
import { certificateMembers } from "./output.ts";

export const define: Define = (command, bind) => {
  command.argument("<name>", "name of the certificate").action(
    bind(async (cli, name: string) => {
      const issuer = await openIssuer(cli, requirePki(cli));
      const { currentCertificate, dueAt } = await import("../../pki/renew.ts");
      const { isoTime } = await import("../../pki/verify/time.ts");
      const certificate = currentCertificate(cli.platform.files, issuer, name);
      const due = dueAt(certificate);
      const isDue = cli.platform.clock.now() >= due;
      cli.output.result(
        {
          schema: "fleetsec.cert-needs-renewal/v1",
          isDue,
          ...certificateMembers(certificate),
          due: isoTime(due),
        },
        () => `${name} ${isDue ? "is due since" : "is not due before"} ${isoTime(due)}`,
      );
      return isDue ? 1 : 0;
    }),
  );
};
