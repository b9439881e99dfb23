import type { ProbeResult } from "../../probe/result.ts";
import type { Cli } from "../command.ts";
import type { Findings } from "../reports.ts";
import { version } from "../package-files.ts";

/** By what a probe comes to. */
export const EXIT_CODES = { passed: 0, failed: 1, inconclusive: 3 } as const;

/** A probe's result in every form. @param command as reports call it */
export async function probeFindings(cli: Cli, result: ProbeResult, command = "probe"): Promise<Findings> {
  const [{ probeText }, { probeDocument }, { styleFor }] = await Promise.all([
    import("../../report/probe.ts"),
    import("../../report/probe-document.ts"),
    import("../../report/style.ts"),
  ]);
  const { output, platform } = cli;
  const style = await styleFor(output.color.stdout);
  return {
    document: probeDocument(result),
    text: () => probeText(result, { style, columns: output.columns }),
    report: async () => {
      const { probeReport } = await import("../../report/probe-report.ts");
      const { placesOfTargets } = await import("./places.ts");
      const context = { version: version(), time: platform.clock.now(), placeOf: placesOfTargets(cli) };
      return probeReport(result, context, command);
    },
  };
}
