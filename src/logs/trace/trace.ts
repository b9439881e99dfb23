import type { BatchLeaf } from "../leaf.ts";
import type { Event } from "../lint/event.ts";
import { paceOf } from "../verify/pace.ts";
import { storeReader } from "../verify/store.ts";
import type { Verification, VerifyRequest } from "../verify/verification.ts";
import { verifyLog, type VerifyParts } from "../verify/verify.ts";
import { matches, needleOf, type TraceQuery } from "./query.ts";
import { eventsIn, type TracedEvent } from "./verified-events.ts";

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
  const leaves: BatchLeaf[] = [];
  const verification = await verifyLog(request, { ...parts, onIntact: (leaf) => leaves.push(leaf) });
  const intact = new Set(leaves.map(({ seq }) => seq));
  const size = verification.log?.size ?? 0;
  const excluded = new Set<number>();
  for (let seq = 0; seq < size; seq += 1) if (!intact.has(seq)) excluded.add(seq);
  const reader = storeReader(parts.files, request.store);
  const pace = paceOf(parts.clock, parts.signal);

  const collect = async (needles: readonly string[], wanted: (event: Event) => boolean) => {
    const found: TracedEvent[] = [];
    // one needle can be looked for in the bytes; for several, every record is read
    const needle = Buffer.from(needles.length === 1 ? (needles[0] ?? "") : "");
    for (const leaf of leaves) {
      await pace();
      const events = await eventsIn(reader, leaf, needle, wanted, pace);
      if (events === undefined) excluded.add(leaf.seq);
      else found.push(...events.slice(0, MAX_EVENTS + 1 - found.length));
      if (found.length > MAX_EVENTS) break;
    }
    return found;
  };

  const own = await collect([needleOf(query)], (event) => matches(query, event));
  const ids = new Set(own.flatMap(({ event }) => requestOf(event) ?? []));
  const isChain = !("requestId" in query) && ids.size > 0 && ids.size <= MAX_REQUESTS;
  const related = isChain
    ? await collect([...ids], (event) => ids.has(requestOf(event) ?? "") || matches(query, event))
    : own;
  return {
    verification,
    events: related.slice(0, MAX_EVENTS).sort(byTime),
    truncated: related.length > MAX_EVENTS || (!("requestId" in query) && ids.size > MAX_REQUESTS),
    excluded: [...excluded].sort((a, b) => a - b),
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
