import { join, resolve } from "node:path";
import { type ExitCode, FleetsecError } from "../../errors.ts";
import type { TraceQuery } from "../../logs/trace/query.ts";
import { traceEvents } from "../../logs/trace/trace.ts";
import { traceDocument, traceText } from "../../report/logs-trace.ts";
import type { Cli } from "../command.ts";
import { trustFlag } from "../trust-flag.ts";
import { storeOf } from "./store.ts";

export interface TraceFlags {
  readonly store?: string;
  readonly trust?: string;
  readonly state?: string;
  readonly requestId?: string;
  readonly identity?: string;
  readonly vehicle?: string;
}

export async function trace(cli: Cli, flags: TraceFlags): Promise<ExitCode> {
  const { platform, output } = cli;
  const query = queryOf(flags);
  const request = {
    store: storeOf(cli, flags.store),
    leaves: "batches" as const,
    trust: await trustFlag(cli, flags.trust),
    anchors: [],
    state:
      flags.state === undefined
        ? join(platform.userState, "verified-logs")
        : resolve(platform.cwd, flags.state),
    since: undefined,
    until: undefined,
    maxAge: undefined,
    // the bytes of a batch up to the root are what counts here
    deepUpTo: 0,
    threads: { count: 1, from: 0 },
    allowUnanchored: true,
  };
  const progress = (done: number, total: number) =>
    output.progress(`verifying: ${(done / 1e6).toFixed(0)} of ${(total / 1e6).toFixed(0)} MB`);
  const result = await traceEvents(query, request, { ...platform, progress });
  output.result(traceDocument(query, result), () => traceText(result, output.columns));
  const { verdict } = result.verification;
  if (verdict === "altered") return 1;
  return verdict === "not-established" ? 3 : 0;
}

function queryOf({ requestId, identity, vehicle }: TraceFlags): TraceQuery {
  const given = [
    ...(requestId === undefined ? [] : [{ requestId }]),
    ...(identity === undefined ? [] : [{ identity }]),
    ...(vehicle === undefined ? [] : [{ vehicle }]),
  ];
  const [query] = given;
  if (query !== undefined && given.length === 1 && !Object.values(query).includes("")) return query;
  throw new FleetsecError("usage", "name one of --request-id, --identity and --vehicle", {
    hint: "an identity is a subject, a common name or a serial number",
  });
}
