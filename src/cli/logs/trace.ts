import { type ExitCode, FleetsecError } from "../../errors.ts";
import type { TraceQuery } from "../../logs/trace/query.ts";
import { isEstablished, traceEvents } from "../../logs/trace/trace.ts";
import { traceDocument, traceText } from "../../report/logs-trace.ts";
import type { AnchorFlags } from "../anchor-options.ts";
import type { Cli } from "../command.ts";
import { readingParts, readingRequest, warnOfUnkept } from "../verified-log-request.ts";
import { namedStore } from "./store.ts";

export interface TraceFlags extends AnchorFlags {
  readonly store?: string;
  readonly trust?: string;
  readonly origin?: string;
  readonly state?: string;
  readonly requestId?: string;
  readonly identity?: string;
  readonly vehicle?: string;
}

export async function trace(cli: Cli, flags: TraceFlags): Promise<ExitCode> {
  const { output } = cli;
  const query = queryOf(flags);
  const request = await readingRequest(cli, { ...flags, store: await namedStore(cli, flags.store) });
  const result = await traceEvents(query, request, readingParts(cli));
  output.result(traceDocument(query, result), () => traceText(result, output.columns));
  warnOfUnkept(cli, result.verification);
  if (result.verification.verdict === "altered") return 1;
  return isEstablished(result) ? 0 : 3;
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
