import type { ExitCode } from "../../errors.ts";
import type { Verification } from "../../logs/verify/verification.ts";
import { styleFor } from "../../report/style.ts";
import { verifyLogsDocument, verifyLogsText } from "../../report/verify-logs.ts";
import type { Cli } from "../command.ts";
import { publish, type wantedReports } from "../reports.ts";
import { version } from "../package-files.ts";
import { warnOfUnkept } from "../verified-log-request.ts";

/**
 * Prints a verification, writes its reports, and gives its exit code.
 * @param store as reports name it: relative to the current directory, or a URL
 */
export async function publishVerification(
  cli: Cli,
  reports: ReturnType<typeof wantedReports>,
  result: Verification,
  store: string,
): Promise<ExitCode> {
  const { platform, output } = cli;
  const style = await styleFor(output.color.stdout);
  const findings = {
    document: verifyLogsDocument(result),
    text: () => verifyLogsText(result, { style, columns: output.columns }),
    report: async () => {
      const { verifyLogsReport } = await import("../../report/verify-logs-report.ts");
      return verifyLogsReport(result, { version: version(), time: platform.clock.now(), store });
    },
  };
  const exitCode = await publish(cli, reports, findings, exitCodeOf(result));
  warnOfUnkept(cli, result);
  return exitCode;
}

function exitCodeOf({ ok, verdict }: Verification): ExitCode {
  if (ok) return 0;
  return verdict === "altered" ? 1 : 3;
}
