import { resolve } from "node:path";
import type { ExitCode } from "../../errors.ts";
import { FleetsecError } from "../../errors.ts";
import type { Purpose } from "../../pki/verify/request.ts";
import type { FileVerdict, FilesRequest } from "../../pki/verify/verify-files.ts";
import { withAnchors } from "../anchor-options.ts";
import type { Cli, Define } from "../command.ts";
import { collect } from "../repeated-flag.ts";
import { publish, type ReportFlags, wantedReports, withReports } from "../reports.ts";
import { version } from "../package-files.ts";
import { demandLogged, type TransparencyFlags } from "./transparency.ts";
import { projectTrust, type ProjectTrust } from "./trust.ts";

interface Flags extends ReportFlags, TransparencyFlags {
  readonly purpose?: string;
  readonly name?: string;
  readonly at?: string;
  readonly ca?: readonly string[];
  readonly untrusted?: readonly string[];
  readonly crl?: readonly string[];
}

export const define: Define = (command, bind) => {
  withAnchors(
    withReports(command)
      .argument("<file...>", "PEM or DER files; the first certificate of each is judged")
      .option("--purpose <purpose>", "what it is to be used for in TLS: client or server")
      .option("--name <name>", "host name, IP address or URI that it must carry")
      .option("--ca <file>", "trusted roots (repeatable; default: the project's, with its CRLs)", collect)
      .option("--untrusted <file>", "intermediates (repeatable)", collect)
      .option("--crl <file>", "CRLs: the certificate must be on none (repeatable)", collect)
      .option("--at <time>", "judge as of this time, e.g. 2026-03-01T12:00:00Z (default: now)")
      .option(
        "--transparency <store>",
        "the signed log of the CA's inventory must have the certificate's issue",
      )
      .option("--trust <file>", "the .pub file of that log, or a C2SP tlog-policy file")
      .option("--origin <origin>", "that log's name, where the trust file has keys of several")
      .option("--state <dir>", "where the checkpoints that you verified are kept, as of verify-logs"),
  ).action(
    bind(async (cli, paths: readonly string[], flags: Flags) => {
      const { verifyFiles } = await import("../../pki/verify/verify-files.ts");
      const { certVerifyDocument, certVerifyText } = await import("../../report/cert-verify.ts");
      const { styleFor } = await import("../../report/style.ts");
      const reports = wantedReports(cli, flags);
      const own = flags.ca === undefined ? await projectTrust(cli) : undefined;
      const request = await requestOf(cli, paths, flags, own);
      const { isoTime } = await import("../../pki/verify/time.ts");
      // what the user wrote names the file better than where it lies
      const judged = verifyFiles(request, cli.platform.files).map((verdict, i) => ({
        ...(own?.heed(verdict) ?? verdict),
        file: paths[i] ?? verdict.file,
      }));
      const verdicts = await demandLogged(cli, judged, request.crls, flags);
      const result = { at: isoTime(request.at), purpose: request.purpose, name: flags.name, verdicts };
      const style = await styleFor(cli.output.color.stdout);
      const findings = {
        document: certVerifyDocument(result),
        text: () => certVerifyText(result, cli.output.columns, style),
        report: async () => {
          const { certVerifyReport } = await import("../../report/cert-verify-report.ts");
          return certVerifyReport(result, { version: version(), time: cli.platform.clock.now() });
        },
      };
      return publish(cli, reports, findings, exitCodeFor(verdicts));
    }),
  );
};

async function requestOf(
  cli: Cli,
  paths: readonly string[],
  flags: Flags,
  own: ProjectTrust | undefined,
): Promise<FilesRequest> {
  const { parsePeerName } = await import("../../pki/verify/peer-name.ts");
  const absolute = (list: readonly string[]) => list.map((path) => resolve(cli.platform.cwd, path));
  return {
    files: absolute(paths),
    anchors: own?.anchors ?? absolute(flags.ca ?? []),
    untrusted: [...(own?.untrusted ?? []), ...absolute(flags.untrusted ?? [])],
    crls: flags.crl === undefined ? own?.crls : absolute(flags.crl),
    purpose: purposeFlag(flags.purpose),
    peer: flags.name === undefined ? undefined : parsePeerName(flags.name),
    at: flags.at === undefined ? cli.platform.clock.now() : timeFlag(flags.at),
  };
}

/** A finding outweighs a doubt. */
function exitCodeFor(verdicts: readonly FileVerdict[]): ExitCode {
  if (verdicts.some(({ status }) => status === "invalid")) return 1;
  return verdicts.some(({ status }) => status === "unknown") ? 3 : 0;
}

function purposeFlag(text: string | undefined): Purpose | undefined {
  if (text === undefined || text === "client" || text === "server") return text;
  throw new FleetsecError("usage", `--purpose is not a purpose: ${text}`, { hint: "use client or server" });
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

function timeFlag(text: string): number {
  const at = TIME.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(at)) return at;
  throw new FleetsecError("usage", `--at is not a time: ${text}`, {
    hint: "write it as in RFC 3339: 2026-03-01T12:00:00Z",
  });
}
