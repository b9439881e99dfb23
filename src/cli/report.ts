import { resolve } from "node:path";
import { standingOf } from "../probe/result.ts";
import type { Cli, Define } from "./command.ts";
import type { BaselineFlags } from "./probe/baseline.ts";
import { EXIT_CODES, probeFindings } from "./probe/findings.ts";
import { publish, type ReportFlags, wantedReports, withReports } from "./reports.ts";

interface MergeFlags extends ReportFlags, Pick<BaselineFlags, "baseline"> {}

export const define: Define = (command, bind) => {
  withReports(command.command("merge"))
    .description(
      "Join the JSON documents of several probes into one result with one exit code: those of\n" +
        "probe --shard, of which none may be missing, or those of different targets.",
    )
    .argument("<file...>", "documents as probe --json or --report json= wrote them")
    .option("--baseline <file>", "findings that are accepted for a time (see docs/probe.md)")
    .action(
      bind(async (cli, paths: readonly string[], flags: MergeFlags) => {
        const { baselineOf, holdTo } = await import("./probe/baseline.ts");
        const reports = wantedReports(cli, flags);
        const baseline = await baselineOf(cli, flags);
        const result = await holdTo(cli, baseline, await merge(cli, paths));
        const findings = await probeFindings(cli, result, "report merge");
        return publish(cli, reports, findings, EXIT_CODES[standingOf(result)]);
      }),
    );
};

async function merge({ platform }: Cli, paths: readonly string[]) {
  const { readProbeDocument } = await import("./report/probe-document.ts");
  const { mergeResults } = await import("../probe/merge.ts");
  return mergeResults(
    paths.map((path) => ({
      name: path,
      result: readProbeDocument(platform.files, resolve(platform.cwd, path)),
    })),
  );
}
