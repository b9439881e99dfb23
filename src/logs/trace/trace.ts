import type { Event } from "../lint/event.ts";
import type { Verification, VerifyRequest } from "../verify/verification.ts";
import type { VerifyParts } from "../verify/verify.ts";
import { matches, needleOf, type TraceQuery } from "./query.ts";
import type { TracedEvent } from "./verified-events.ts";
import { openVerified } from "./verified-log.ts";

export interface TraceResult {
  readonly verification: Verification;
  /** In the order of their time. */
  readonly events: readonly TracedEvent[];
  /** Whether there are more than are listed. */
  readonly truncated: boolean;
  /** Batches that are not verified, whose events are left out. */
  readonly excluded: readonly number[];
}

export const MAX_EVENTS = 10_000;
/** Requests whose other events are looked for too. */
const MAX_REQUESTS = 1_000;

/**
 * The chain of events of a request, or of every request that an identity or a vehicle has part in,
 * across services. The log is verified first: events of other than verified batches are left out.
 * @throws FleetsecError where the store cannot be read at all
 */
export async function traceEvents(
  query: TraceQuery,
  request: VerifyRequest,
  parts: VerifyParts,
): Promise<TraceResult> {
  const log = await openVerified(request, parts);
  const collect = async (needles: readonly string[], wanted: (event: Event) => boolean) =>
    // one needle can be looked for in the bytes; for several, every record is read
    log.find(needles.length === 1 ? (needles[0] ?? "") : "", wanted, MAX_EVENTS + 1);

  const own = await collect([needleOf(query)], (event) => matches(query, event));
  const ids = new Set(own.flatMap(({ event }) => requestOf(event) ?? []));
  const isChain = !("requestId" in query) && ids.size > 0 && ids.size <= MAX_REQUESTS;
  const related = isChain
    ? await collect([...ids], (event) => ids.has(requestOf(event) ?? "") || matches(query, event))
    : own;
  return {
    verification: log.verification,
    events: related.slice(0, MAX_EVENTS).sort(byTime),
    truncated: related.length > MAX_EVENTS || (!("requestId" in query) && ids.size > MAX_REQUESTS),
    excluded: [...log.excluded].sort((a, b) => a - b),
  };
}

function requestOf(event: Event): string | undefined {
  const { request_id: id } = event;
  return typeof id === "string" && id !== "" ? id : undefined;
}

function byTime(a: TracedEvent, b: TracedEvent): number {
  const order = timeOf(a.event) - timeOf(b.event);
  return order === 0 || Number.isNaN(order) ? a.seq - b.seq || a.line - b.line : order;
}

/** An event without a time comes first. */
function timeOf({ timestamp }: Event): number {
  const time = typeof timestamp === "string" ? Date.parse(timestamp) : 0;
  return Number.isNaN(time) ? 0 : time;
}
