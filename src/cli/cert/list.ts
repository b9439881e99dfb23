import { FleetsecError } from "../../errors.ts";
import type { CertificateStatus } from "../../pki/list.ts";
import { table } from "../../report/table.ts";
import type { Define } from "../command.ts";
import { openIssuer } from "../issuer.ts";
import { requirePki } from "../pki-project.ts";
import { warnOfRootCrls } from "../root-crl.ts";

interface Flags {
  readonly status?: readonly CertificateStatus[];
}

const CRL_BEHIND =
  "the CRL that gateways read lacks what is on record, or is not valid yet: run fleetsec ca crl, and reload what reads it";

const STATUSES: readonly CertificateStatus[] = ["valid", "not-yet-valid", "expired", "revoked", "superseded"];

export const define: Define = (command, bind) => {
  command
    .option("--status <status>", `only those that are ${STATUSES.join(", ")} (repeatable)`, collectStatus)
    .action(
      bind(async (cli, { status: wanted = [] }: Flags) => {
        const issuer = await openIssuer(cli, requirePki(cli));
        const { listCertificates } = await import("../../pki/list.ts");
        const { files, clock } = cli.platform;
        if (issuer.kind === "local") {
          const { staleFiles } = await import("../../pki/publish.ts");
          if (staleFiles(files, issuer, clock.now()).crl) cli.output.warn(CRL_BEHIND);
          await warnOfRootCrls(cli, issuer);
        }
        const certificates = listCertificates(files, issuer, clock.now())
          .filter(({ status }) => wanted.length === 0 || wanted.includes(status))
          .map(({ issued, status }) => ({
            name: issued.name,
            serial: issued.serial,
            role: issued.role,
            notBefore: issued.notBefore,
            notAfter: issued.notAfter,
            status,
          }));
        cli.output.result({ schema: "fleetsec.cert-list/v1", certificates }, () => {
          if (certificates.length === 0) return "no certificates";
          const rows = certificates.map((entry) => [
            entry.name,
            entry.role,
            entry.status,
            entry.notAfter,
            entry.serial,
          ]);
          const heading = ["NAME", "ROLE", "STATUS", "NOT AFTER", "SERIAL"];
          // as many digits as cert revoke takes
          const serial = { column: heading.indexOf("SERIAL"), least: 8 };
          return table([heading, ...rows], cli.output.columns, serial);
        });
        return 0;
      }),
    );
};

function collectStatus(
  value: string,
  before: readonly CertificateStatus[] = [],
): readonly CertificateStatus[] {
  const status = STATUSES.find((candidate) => candidate === value);
  if (status !== undefined) return [...before, status];
  throw new FleetsecError("usage", `--status is not a status: ${value}`, {
    hint: `use ${STATUSES.join(", ")}`,
  });
}
