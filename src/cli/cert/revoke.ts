import { FleetsecError } from "../../errors.ts";
import type { RevocationReason } from "../../pki/inventory-line.ts";
import { shown } from "../ca/output.ts";
import type { Define } from "../command.ts";
import { openIssuer } from "../issuer.ts";
import { type PassphraseFlags, requirePki, withPassphrase } from "../pki-project.ts";

interface Flags extends PassphraseFlags {
  readonly reason: string;
}

export const define: Define = (command, bind) => {
  withPassphrase(command)
    .argument("<name|serial>", "a name, for all its certificates, or one serial number")
    .option("--reason <reason>", "why, as RFC 5280 names it, e.g. keyCompromise", "unspecified")
    .action(
      bind(async (cli, target: string, flags: Flags) => {
        const project = requirePki(cli);
        const { revocationReasons } = await import("../../pki/inventory-line.ts");
        const { revoke } = await import("../../pki/revoke.ts");
        const request = { target, reason: reasonFlag(flags.reason, revocationReasons) };
        const issuer = await openIssuer(cli, project, flags);
        const { revoked, already } = await revoke(cli.platform, issuer, project.settings, request);
        const listed = [...revoked, ...already].map(({ issued, revoked: record }) => ({
          name: issued.name,
          serial: issued.serial,
          revokedAt: record?.at,
          reason: record?.reason,
        }));
        const crl = issuer.layout.crl;
        cli.output.result(
          { schema: "fleetsec.cert-revoke/v1", revoked: listed, changed: revoked.length > 0, crl },
          () =>
            [
              ...revoked.map(({ issued }) => `revoked ${issued.name} ${issued.serial} (${request.reason})`),
              ...already.map(
                ({ issued, revoked: record }) =>
                  `was revoked at ${record?.at}: ${issued.name} ${issued.serial} (${record?.reason})`,
              ),
              revoked.length > 0 ? `CRL: ${shown(cli, crl)}; reload what reads it` : "nothing was changed",
            ].join("\n"),
        );
        return 0;
      }),
    );
};

/** `keyCompromise`, as OpenSSL writes it, or `key-compromise`. */
function reasonFlag(text: string, reasons: readonly RevocationReason[]): RevocationReason {
  const plain = (reason: string) => reason.replaceAll("-", "").toLowerCase();
  const reason = reasons.find((candidate) => plain(candidate) === plain(text));
  if (reason !== undefined) return reason;
  throw new FleetsecError("usage", `--reason is not a reason: ${text}`, {
    hint: `use ${reasons.join(", ")}`,
  });
}
