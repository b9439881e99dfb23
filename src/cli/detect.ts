import { relative, resolve } from "node:path";
import { type ExitCode, FleetsecError } from "../errors.ts";
import type { DetectResult, EventSource, Standing } from "../logs/detect/detect.ts";
import type { VerifyRequest } from "../logs/verify/verification.ts";
import { type AnchorFlags, anotherSource, withAnchors } from "./anchor-options.ts";
import type { Cli, Define } from "./command.ts";
import { namedStore } from "./logs/store.ts";
import { publish, type ReportFlags, wantedReports, withReports } from "./reports.ts";
import { anchorInputs, type NamedInput, refuseResultsOver, reportPaths } from "./verify-logs/outputs.ts";
import { readingParts, readingRequest, warnOfUnkept } from "./verified-log-request.ts";
import { version } from "./package-files.ts";

interface Flags extends ReportFlags, AnchorFlags {
  readonly store?: string;
  readonly trust?: string;
  readonly origin?: string;
  readonly in?: readonly string[];
  readonly transparency: string;
  readonly transparencyTrust: string;
  readonly transparencyOrigin?: string;
  readonly transparencyAnchor?: readonly string[];
  readonly state?: string;
}

const EXIT: Readonly<Record<Standing, ExitCode>> = { clean: 0, found: 1, "not-established": 3 };

export const define: Define = (command, bind) => {
  withAnchors(
    withReports(command)
      .description(
        "Detect client certificates that a gateway let in and the CA never logged.\n" +
          "Exit 1: there are some. 3: the logs do not tell, or nothing outside their stores anchors them.",
      )
      .option("--store <place>", "the signed log of the gateways' events (default: logs.store)")
      .option("--trust <file>", "the .pub file of that log, or a C2SP tlog-policy file")
      .option("--origin <origin>", "that log's name, where the trust file has keys of several"),
  )
    .option("--in <path...>", "instead, event files as they were written, or - for standard input")
    .requiredOption("--transparency <store>", "the signed log of the CA's inventory")
    .requiredOption("--transparency-trust <file>", "the .pub file of that log")
    .option("--transparency-origin <origin>", "that log's name, where that file has keys of several")
    .option("--transparency-anchor <source>", "an anchor of that log; repeatable", anotherSource)
    .option("--state <dir>", "where the checkpoints that you verified are kept, as of verify-logs")
    .action(
      bind(async (cli, flags: Flags) => {
        const { detect, standingOf } = await import("../logs/detect/detect.ts");
        const { detectDocument, detectReport, detectText } = await import("../report/detect.ts");
        const { platform, output } = cli;
        const reports = wantedReports(cli, flags);
        const issuance = await readingRequest(cli, {
          ...flags,
          store: await namedStore(cli, flags.transparency),
          trust: flags.transparencyTrust,
          origin: flags.transparencyOrigin,
          anchor: flags.transparencyAnchor,
        });
        const events = await eventSource(cli, flags);
        refuseResultsOver(cli, reportPaths(flags.report), inputsOf(cli, flags, issuance, events));
        const result = shown(
          cli,
          await detect({ events, issuance }, { ...readingParts(cli), stdin: platform.stdin }),
        );
        for (const log of [result.events, result.issuance]) if (log !== undefined) warnOfUnkept(cli, log);
        const findings = {
          document: detectDocument(result),
          text: () => detectText(result, output.columns),
          report: () => detectReport(result, { version: version(), time: platform.clock.now() }),
        };
        return publish(cli, reports, findings, EXIT[standingOf(result)]);
      }),
    );
};

async function eventSource(cli: Cli, flags: Flags): Promise<EventSource> {
  const { in: inputs, store, trust, origin, anchor } = flags;
  if (inputs === undefined)
    return { store: await readingRequest(cli, { ...flags, store: await namedStore(cli, store) }) };
  if ([store, trust, origin, anchor].some((flag) => flag !== undefined)) {
    throw new FleetsecError("usage", "--in excludes --store, --trust, --origin and --anchor", {
      hint: "files as they were written are signed by nobody",
    });
  }
  return { inputs: inputs.map((path) => (path === "-" ? path : resolve(cli.platform.cwd, path))) };
}

/** All that is read, absolute; a store in S3 is no file. */
function inputsOf(
  { platform: { cwd } }: Cli,
  { trust, transparencyTrust, anchor, transparencyAnchor, tsaCa }: Flags,
  issuance: VerifyRequest,
  events: EventSource,
): NamedInput[] {
  const named = (flag: string, path: unknown): NamedInput[] =>
    typeof path === "string" && path !== "-" ? [[flag, resolve(cwd, path)]] : [];
  return [
    ...("inputs" in events
      ? events.inputs.flatMap((path) => named("--in", path))
      : named("--store", events.store.store)),
    ...named("--trust", trust),
    ...named("--transparency", issuance.store),
    ...named("--transparency-trust", transparencyTrust),
    ...anchorInputs("--anchor", anchor, cwd),
    ...anchorInputs("--transparency-anchor", transparencyAnchor, cwd),
    ...named("--tsa-ca", tsaCa),
    ...named("--state", issuance.state),
  ];
}

/** Paths as the user would write them. */
function shown({ platform: { cwd } }: Cli, result: DetectResult): DetectResult {
  const unlogged = result.unlogged.map((one) =>
    "file" in one.place && one.place.file !== "-"
      ? { ...one, place: { ...one.place, file: relative(cwd, one.place.file) } }
      : one,
  );
  return { ...result, unlogged };
}
