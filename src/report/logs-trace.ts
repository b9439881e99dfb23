import type { Event } from "../logs/lint/event.ts";
import { isEstablished, type TraceResult } from "../logs/trace/trace.ts";
import { requestOf } from "../logs/trace/query.ts";
import type { TracedEvent } from "../logs/trace/verified-events.ts";
import { anchoredSize, type Verification } from "../logs/verify/verification.ts";
import { anchorAdvice, lacksAnchor } from "./anchor-advice.ts";
import { escapeText } from "./escape.ts";
import { table } from "./table.ts";
import { wrap } from "./wrap.ts";

/** The chain of events as JSON. */
export function traceDocument(query: object, result: TraceResult): object {
  const { verification, events, truncated, unread, excluded, covers } = result;
  const { verdict, log } = verification;
  return {
    schema: "fleetsec.logs-trace/v1",
    query,
    ok: isEstablished(result),
    verdict,
    ...(log === undefined ? {} : { log: logOf(log, anchoredSize(verification)) }),
    events: events.map(({ seq, line, event }) => ({ seq, line, event })),
    beyond: events.filter(({ seq }) => !covers(seq)).length,
    truncated,
    unread,
    excluded: { batches: excluded.length, first: excluded.slice(0, 100) },
  };
}

function logOf({ root, ...log }: NonNullable<Verification["log"]>, anchored: number): object {
  return { ...log, root: Buffer.from(root).toString("base64"), anchored };
}

/** The same for a person, as wide as the terminal. */
export function traceText(result: TraceResult, columns: number): string {
  const { verification, events, truncated, unread, excluded } = result;
  const isBeyond = ({ seq }: TracedEvent) => !lacksAnchor(verification) && !result.covers(seq);
  const rows = events.map((event) => rowOf(event, isBeyond(event) ? BEYOND : ""));
  const shown = rows.length === 0 ? ["no event of a verified batch is about that"] : [table(rows, columns)];
  return [
    ...headlineOf(result),
    ...shown,
    ...(truncated ? ["… and more: only the first are listed"] : []),
    ...(events.some(isBeyond) ? wrap(beyondText(verification), columns) : []),
    "",
    verification.log === undefined
      ? "log      not established"
      : `log      ${escapeText(verification.log.origin)}, ${count(verification.log.size, "batch", "batches")}: ${verification.verdict}`,
    ...(excluded.length === 0
      ? []
      : [
          `left out ${count(excluded.length, "batch that is", "batches that are")} not verified: ${rangesOf(excluded)}`,
        ]),
    ...(unread === 0
      ? []
      : [
          `unread   ${count(unread, "record that may be about it is no event", "records that may be about it are no events")}`,
        ]),
    ...(verification.verdict === "altered"
      ? ["run fleetsec verify-logs to see what is wrong with the log"]
      : []),
    ...(lacksAnchor(verification) ? ["", ...wrap(anchorAdvice(verification), columns)] : []),
  ].join("\n");
}

/** What stands in a log that is not whole may be forged, though a trusted key signed it. */
function headlineOf(result: TraceResult): string[] {
  if (result.verification.verdict === "altered")
    return ["ALTERED: the log does not stand as a whole; what it shows may be forged", ""];
  return isEstablished(result) ? [] : [`NOT ESTABLISHED: ${doubtOf(result)}`, ""];
}

function doubtOf({ verification, truncated }: TraceResult): string {
  if (verification.verdict === "not-established") return "not all of the log could be checked";
  if (truncated) return "there are more events than are listed";
  return lacksAnchor(verification)
    ? "the log is not anchored: its end could be cut off"
    : "some records that may be about it are no events";
}

function count(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`;
}

/** Marks an event of a batch that no anchor has. */
const BEYOND = "*";

function beyondText(verification: Verification): string {
  const size = count(anchoredSize(verification), "batch", "batches");
  return `${BEYOND} came after the newest anchor, which has ${size}: whoever holds the log's key can still rewrite it`;
}

function rowOf({ seq, line, event }: TracedEvent, mark: string): string[] {
  return [
    textOf(event["timestamp"] ?? event["at"]),
    textOf(event["service"]),
    textOf(event["event_type"] ?? event["op"]),
    whatHappened(event),
    textOf(requestOf(event)),
    `${seq}:${line}${mark}`,
  ];
}

function whatHappened(event: Event): string {
  const { decision, reason, command, vehicles, result, alert, op, name, serial } = event;
  // a CA's inventory: whom a certificate was issued to, or which one was revoked
  if (op !== undefined) return [name, serial, reason].map(textOf).filter(Boolean).join(" ");
  const to = Array.isArray(vehicles) ? ` -> ${vehicles.map(textOf).join(", ")}` : "";
  const parts = [decision, result, command, alert].find((part) => typeof part === "string");
  return `${textOf(parts)}${to}${typeof reason === "string" ? ` (${textOf(reason)})` : ""}`;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? escapeText(value) : "";
}

/** `3, 7-9`, of the first twenty ranges. */
function rangesOf(numbers: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  const texts = ranges.slice(0, 20).map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`));
  return `${texts.join(", ")}${ranges.length > 20 ? ", …" : ""}`;
}
