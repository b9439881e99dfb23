import { FleetsecError } from "../../errors.ts";
import type { RevocationReason } from "../../pki/inventory-line.ts";
import type { Issuer } from "../../pki/issuers/issuer.ts";
import { escapeText } from "../../report/escape.ts";
import { shown } from "../ca/output.ts";
import type { Cli, Define } from "../command.ts";
import { execWords } from "../exec-flag.ts";
import { openIssuer } from "../issuer.ts";
import { type PassphraseFlags, requirePki, withPassphrase } from "../pki-project.ts";

interface Flags extends PassphraseFlags {
  readonly reason: string;
  readonly exec?: string;
}

export const define: Define = (command, bind) => {
  withPassphrase(command)
    .argument("<name|serial>", "a name, for all its certificates, or one serial number")
    .option("--reason <reason>", "why, as RFC 5280 names it, e.g. keyCompromise", "unspecified")
    .option("--exec <cmd arg ...>", "then run this, to reload what reads the CRL; no shell")
    .action(
      bind(async (cli, target: string, flags: Flags) => {
        const project = requirePki(cli);
        const { revocationReasons } = await import("../../pki/inventory-line.ts");
        const { revoke } = await import("../../pki/revoke.ts");
        const request = { target, reason: reasonFlag(flags.reason, revocationReasons) };
        const issuer = await openIssuer(cli, project, flags);
        const { revoked, already, published, reasonPublished } = await revoke(
          cli.platform,
          issuer,
          project.settings,
          request,
        );
        const listed = [...revoked, ...already].map(({ issued, revoked: record }) => ({
          name: issued.name,
          serial: issued.serial,
          revokedAt: record?.at,
          reason: record?.reason,
        }));
        const crl = issuer.layout.crl;
        const fault = flags.exec === undefined ? undefined : await reload(cli, execWords(flags.exec), issuer);
        if (!reasonPublished) {
          cli.output.warn(
            `the reason is on record in the inventory only: the CRL of ${issuer.kind} does not give it`,
          );
        }
        for (const { issued, revoked: record } of already) {
          if (request.reason === "unspecified" || record?.reason === request.reason) continue;
          cli.output.warn(
            `${escapeText(issued.name)} ${issued.serial} was revoked before: its reason stays ${record?.reason}, and is not made ${request.reason}`,
          );
        }
        const reloaded = flags.exec === undefined ? {} : { reloaded: fault === undefined };
        if (fault !== undefined) {
          cli.output.warn(
            `the revocation stands, but what reads the CRL was not reloaded: ${escapeText(fault)}`,
          );
        }
        cli.output.result(
          {
            schema: "fleetsec.cert-revoke/v1",
            revoked: listed,
            changed: revoked.length > 0,
            crl,
            published,
            reasonPublished,
            ...reloaded,
          },
          () =>
            [
              ...revoked.map(({ issued }) => `revoked ${issued.name} ${issued.serial} (${request.reason})`),
              ...already.map(
                ({ issued, revoked: record }) =>
                  `was revoked at ${record?.at}: ${issued.name} ${issued.serial} (${record?.reason})`,
              ),
              ...lastLines(revoked.length > 0, published && issuer.kind === "local", shown(cli, crl), flags),
            ].join("\n"),
        );
        return fault === undefined ? 0 : 3;
      }),
    );
};

/** @param isPublished whether a CRL of the project's own CA was published now */
function lastLines(isRevoked: boolean, isPublished: boolean, path: string, { exec }: Flags): string[] {
  if (!isRevoked && !isPublished) return ["nothing was changed"];
  const lines = isRevoked ? [] : ["the CRL did not say so yet, and does from now on"];
  return [...lines, exec === undefined ? `CRL: ${path}; reload what reads it` : `CRL: ${path}`];
}

/** Runs it whether or not anything was changed: the reload of an earlier run may have failed. */
async function reload(
  { platform }: Cli,
  command: readonly [string, ...string[]],
  issuer: Issuer,
): Promise<string | undefined> {
  const { inFull, runProgram } = await import("../../pki/rotate/hook.ts");
  try {
    const variables = { CRL_FILE: issuer.layout.crl };
    const failure = await runProgram(platform, command, platform.cwd, variables, issuer);
    return failure && inFull(failure);
  } catch (error) {
    platform.signal.throwIfAborted();
    if (error instanceof FleetsecError) return error.message;
    throw error;
  }
}

/** `keyCompromise`, as OpenSSL writes it, or `key-compromise`. */
function reasonFlag(text: string, reasons: readonly RevocationReason[]): RevocationReason {
  const plain = (reason: string) => reason.replaceAll("-", "").toLowerCase();
  const reason = reasons.find((candidate) => plain(candidate) === plain(text));
  if (reason !== undefined) return reason;
  throw new FleetsecError("usage", `--reason is not a reason: ${text}`, {
    hint: `use ${reasons.join(", ")}`,
  });
}
