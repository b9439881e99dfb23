import type { Define } from "../command.ts";
import { openIssuer } from "../issuer.ts";
import { requirePki } from "../pki-project.ts";
import { certificateMembers } from "./output.ts";

export const define: Define = (command, bind) => {
  command.argument("<name>", "name of the certificate").action(
    bind(async (cli, name: string) => {
      const issuer = await openIssuer(cli, requirePki(cli));
      const { currentCertificate, dueAt, isDue } = await import("../../pki/renew.ts");
      const { isoTime } = await import("../../pki/verify/time.ts");
      const certificate = currentCertificate(cli.platform.files, issuer, name);
      const due = dueAt(certificate);
      const now = cli.platform.clock.now();
      const isDueNow = isDue(certificate, now);
      cli.output.result(
        {
          schema: "fleetsec.cert-needs-renewal/v1",
          isDue: isDueNow,
          ...certificateMembers(certificate),
          due: isoTime(due),
        },
        () => {
          const { notBefore } = certificate;
          if (now < notBefore) return `${name} is due: it is not valid before ${isoTime(notBefore)}`;
          return `${name} ${isDueNow ? "is due since" : "is not due before"} ${isoTime(due)}`;
        },
      );
      return isDueNow ? 1 : 0;
    }),
  );
};
