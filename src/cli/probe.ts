import type { ExitCode } from "../errors.ts";
import { type ProbeResult, standingOf } from "../probe/result.ts";
import type { Cli, Define } from "./command.ts";
import { withPassphrase } from "./pki-project.ts";
import { EXIT_CODES, probeFindings } from "./probe/findings.ts";
import type { ProbeFlags } from "./probe/flags.ts";
import { collect } from "./repeated-flag.ts";
import { publish, wantedReports, withReports } from "./reports.ts";

export const define: Define = (command, bind) => {
  withReports(withPassphrase(command, "keys that are encrypted, the dev CA's too"))
    .description(
      "Prove that each endpoint refuses every client without a valid certificate: a valid client must be\n" +
        "served, forged ones refused, and the valid client served again. A TARGET is https://HOST:PORT/PATH,\n" +
        "h2://HOST:PORT/PATH, grpcs://HOST:PORT/SERVICE/METHOD, mqtts://HOST:PORT or tls://HOST:PORT;\n" +
        "without one, those of the configuration.",
    )
    .argument("[target...]", "what to probe")
    .option("--attack <id...>", "run only these attacks (see --list)")
    .option("--skip <id...>", "leave these attacks out")
    .option("--require <id...>", "attacks whose acceptance fails the run, though it is only reported")
    .option("--list", "list the attacks, and probe nothing")
    .option(
      "--server-ca <file>",
      "CA that the servers' certificates come from (default: the dev CA, then the system's)",
    )
    .option(
      "--client-cert <file>",
      "certificate of a valid client (default: issued on the spot from the dev CA)",
    )
    .option("--client-key <file>", "its key")
    .option(
      "--client-ca <file>",
      "CA to make forgeries from: the one that issues to clients (default: the dev CA)",
    )
    .option("--client-ca-key <file>", "its key: without it, its certificates are only sent after forged ones")
    .option("--identity <attack=cert,key>", "supply one forged identity (repeatable)", collect)
    .option("--openapi <file>", "probe every operation that an OpenAPI document describes (with --base-url)")
    .option("--base-url <url>", "where that API is: https://HOST:PORT or h2://HOST:PORT")
    .option("--allow-unsafe-methods", "also ask with POST, PUT, PATCH and DELETE, which may change something")
    .option("--resolve <host:port:address>", "probe that address for a target (repeatable)", collect)
    .option(
      "--servername <[host:port:]name>",
      "ask TLS for that name and hold the server to it, in place of the target's host (repeatable)",
      collect,
    )
    .option("--sibling-port <[host:port:]port>", "probe that port of the host too (repeatable)", collect)
    .option("--canary <text>", "text that only an accepted client sees")
    .option("--timeout <seconds>", "longest wait for each step of a connection")
    .option("--concurrency <n>", "connections at one time (default: 8 to each address and port, 32 in all)")
    .option("--delay <seconds>", "least time from one connection to the next (default: 0)")
    .option("--shard <i/n>", "probe the i-th of n parts of the targets; report merge joins the results")
    .option("--baseline <file>", "findings that are accepted for a time (see docs/probe.md)")
    .option("--write-baseline <file>", "write a new baseline that accepts the findings of this run")
    .action(
      bind(async (cli, targets: readonly string[], flags: ProbeFlags) => {
        if (flags.list === true) return listAttacks(cli);
        const { probeRequest } = await import("./probe/request.ts");
        const { probe } = await import("../probe/run.ts");
        const { baselineOf, holdTo } = await import("./probe/baseline.ts");
        const reports = wantedReports(cli, flags);
        const baseline = await baselineOf(cli, flags);
        const { request, shard } = await probeRequest(cli, targets, flags);
        const found = await probe(request, cli.platform, ({ target, connections }) =>
          cli.output.progress(`${target}: connection ${connections}`),
        );
        const result = await holdTo(cli, baseline, { ...found, ...(shard === undefined ? {} : { shard }) });
        return publish(cli, reports, await probeFindings(cli, result), exitCodeFor(cli, result));
      }),
    );
};

function exitCodeFor({ platform }: Cli, result: ProbeResult): ExitCode {
  if (result.interrupted) {
    return (platform.signal.reason as { code?: string }).code === "terminated" ? 143 : 130;
  }
  return EXIT_CODES[standingOf(result)];
}

async function listAttacks({ output }: Cli): Promise<ExitCode> {
  const [{ attacks }, { table }] = await Promise.all([
    import("../probe/attacks.ts"),
    import("../report/table.ts"),
  ]);
  output.result(
    {
      schema: "fleetsec.probe-attacks/v1",
      attacks: attacks.map(({ id, title, weight, reference, meaning }) => ({
        id,
        title,
        weight,
        reference,
        meaning,
      })),
    },
    () =>
      table(
        attacks.map(({ id, title, weight }) => [id, title, weight]),
        output.columns,
      ),
  );
  return 0;
}
