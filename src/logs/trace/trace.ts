import type { Event } from "../lint/event.ts";
import { instantOf } from "../lint/timestamp.ts";
import type { Verification, VerifyRequest } from "../verify/verification.ts";
import type { VerifyParts } from "../verify/verify.ts";
import { matches, needlesOf, requestOf, type TraceQuery } from "./query.ts";
import type { TracedEvent } from "./verified-events.ts";
import { openVerified } from "./verified-log.ts";

export interface TraceResult {
  readonly verification: Verification;
  /** In the order of their time. */
  readonly events: readonly TracedEvent[];
  /** Whether there are more than are listed. */
  readonly truncated: boolean;
  /** Records of verified batches that may be about it and cannot be read as events. */
  readonly unread: number;
  /** Batches that are not verified, whose events are left out. */
  readonly excluded: readonly number[];
  /** Whether an anchor has that batch, or none need have. */
  readonly covers: (seq: number) => boolean;
}

/** Whether these are all events about it: of an anchored log, or one that need not be, and none is left out. */
export function isEstablished({ verification, truncated, unread, excluded }: TraceResult): boolean {
  return verification.ok && !truncated && unread === 0 && excluded.length === 0;
}

export const MAX_EVENTS = 10_000;

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
  const needles = needlesOf(query);
  const own = await log.find(needles, (event) => matches(query, event), MAX_EVENTS + 1);
  // no more than the events that they are from
  const ids = new Set(own.events.flatMap(({ event }) => requestOf(event) ?? []));
  const isChain = !("requestId" in query) && ids.size > 0;
  const hasNumbers = own.events.some(({ event }) => typeof event["request_id"] === "number");
  const { events: related, unread } = isChain
    ? await log.find(
        // an event of its own without a request is still one; a number is written in many ways
        needles.length === 0 || hasNumbers ? [] : [...needles, ...ids],
        (event) => ids.has(requestOf(event) ?? "") || matches(query, event),
        MAX_EVENTS + 1,
      )
    : own;
  return {
    verification: log.verification,
    events: related.slice(0, MAX_EVENTS).sort(byTime),
    truncated: related.length > MAX_EVENTS,
    unread,
    excluded: [...log.excluded].sort((a, b) => a - b),
    covers: log.covers,
  };
}

function byTime(a: TracedEvent, b: TracedEvent): number {
  const order = timeOf(a.event) - timeOf(b.event);
  return order === 0 || Number.isNaN(order) ? a.seq - b.seq || a.line - b.line : order;
}

/** An event without a time comes first. A CA's inventory says `at`. */
function timeOf({ timestamp, at }: Event): number {
  const text = timestamp ?? at;
  return typeof text === "string" ? (instantOf(text) ?? 0) : 0;
}
